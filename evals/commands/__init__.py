"""The commands of `evals`, a file each."""
