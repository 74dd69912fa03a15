"""Chat completions and responses by speech models: the answer is the transcription."""
