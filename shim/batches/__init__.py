"""Files, and batches: requests that run beside the interactive ones, and survive a crash."""
