"""The tasks of this plug-in."""
