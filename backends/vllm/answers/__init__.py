"""From what vLLM's engine gives to the seam's items."""
