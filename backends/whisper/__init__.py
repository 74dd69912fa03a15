"""Speech through faster-whisper."""
