"""Sends a run as batches, through `/v1/files` and `/v1/batches` of any server that has them."""
