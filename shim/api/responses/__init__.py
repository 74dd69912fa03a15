"""The route `POST /v1/responses`."""
