"""Decodes recordings in any container to 16 kHz mono samples for speech engines."""
