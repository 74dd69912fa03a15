"""OpenAI's API in front of models on one's own machines."""

from importlib.metadata import version

__version__ = version("evalshim")
