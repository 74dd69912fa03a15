"""Tools for text engines: chat templates, bytes of tokens, stop strings, length limits."""
