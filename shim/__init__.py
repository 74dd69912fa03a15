"""Serves OpenAI's API from models on your own machines."""

from importlib.metadata import version

__version__ = version("evalshim")
