"""Files and batches: what clients store here, and requests that the server runs by itself."""
