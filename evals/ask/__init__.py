"""Sends samples to a server: the client, retries, streams, and one module per kind of sample."""
