"""From the seam's Generation to what vLLM's engine takes."""
