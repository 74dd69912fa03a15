"""Asks a server: the client, its retries, streams, and one task for each kind of sample."""
