"""Speech models asked by chat completions and by responses: the answer is the transcription."""
