"""Checks that a running server does not change the results of its models."""
