"""The route `POST /v1/completions`."""
