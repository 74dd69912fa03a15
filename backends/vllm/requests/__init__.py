"""Translates the seam's Generation into a request for vLLM's engine, and checks it."""
