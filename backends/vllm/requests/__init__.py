"""From the seam's Generation to a request of vLLM's engine."""
