"""vLLM's engine as processes: how they are started, watched, restarted and ended."""
