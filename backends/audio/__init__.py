"""Recordings in any container, decoded to what speech engines hear."""
