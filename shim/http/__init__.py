"""Holds all code between the socket and a handler: connections, bodies, errors; no models."""
