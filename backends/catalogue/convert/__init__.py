"""Converts a GGUF file of the Llama architecture, without torch."""
