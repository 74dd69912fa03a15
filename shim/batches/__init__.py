"""Batches: files of requests that run beside the interactive ones, and survive a crash."""
