"""Requests for models on other servers: sent on as bytes, answered with bytes."""
