"""Files on disk, and their index in SQLite."""
