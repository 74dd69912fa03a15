"""Translates the outputs of vLLM's engine into the seam's items."""
