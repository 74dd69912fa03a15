"""vLLM's engine as a process: started, watched, started again, ended."""
