"""The route `POST /v1/embeddings`."""
