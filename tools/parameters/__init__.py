"""Collects every parameter that others document, and writes the table of what becomes of it."""
