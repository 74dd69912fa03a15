"""Runs the command line: `python -m shim` is `shim`."""

from .cli import main

main()
