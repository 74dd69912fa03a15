"""Counts the bytes of all files against the most that the directory may have."""

from shim.errors import QuotaExceeded

_LEAST = 4096
"""Bytes that a file counts as at least: it takes a block of the disk, and a row of the index."""


def counted(size: int) -> int:
    """Return the bytes that a file of *size* bytes counts as."""
    return max(size, _LEAST)


class Quota:
    """The files that are stored, and the bytes of those that are arriving."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.files = 0
        """How many files are stored."""
        self.bytes = 0
        """What they count as together."""
        self._arriving = 0

    def check(self, size: int) -> None:
        """Raise QuotaExceeded if *size* more bytes would be too many."""
        used = self.bytes + self._arriving
        if used + size > self._most_bytes:
            raise QuotaExceeded(
                f"The files of this server take {used} bytes of the {self._most_bytes} allowed, so "
                f"{size} more do not fit. Delete files that are not needed: DELETE /v1/files/ID."
            )

    def arrive(self, size: int) -> None:
        """Count *size* more bytes of an upload; raise QuotaExceeded."""
        self.check(size)
        self._arriving += size

    def depart(self, size: int) -> None:
        """Count *size* bytes of an upload no longer: it has been stored, or has failed."""
        self._arriving -= size

    def add(self, files: int, size: int) -> None:
        """Count *files* more files, which count as *size* bytes together; both may be negative."""
        self.files += files
        self.bytes += size
