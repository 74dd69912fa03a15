"""Tests what users install: the wheel and the sdist, in environments of their own."""
