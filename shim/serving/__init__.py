"""Admits, runs and measures the requests of one model. Nothing here knows JSON or HTTP."""
