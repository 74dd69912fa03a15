"""Exchanges, requests with their answers: recorded, replayed without a model, and cached."""
