"""Names of parameters: which are documented anywhere, and what becomes of each."""
