"""Engines in this process, without a server between: the other side of a comparison."""
