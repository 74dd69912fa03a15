"""`python -m evals`: the command `evals`."""

from evals.cli import main

main()
