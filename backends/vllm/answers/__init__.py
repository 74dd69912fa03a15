"""From the outputs of vLLM's engine to the seam's items."""
