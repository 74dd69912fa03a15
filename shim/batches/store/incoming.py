"""Writes a file as its bytes arrive, within the limits on one file and on all."""

from pathlib import Path

from shim.errors import TooLarge
from shim.http.spool import Spool

from .quota import Quota, counted


class Incoming(Spool):
    """A file that is arriving; `close` removes it unless it has been stored."""

    def __init__(self, path: Path, quota: Quota, most_bytes: int) -> None:
        """Write to *path*, which does not exist, at most *most_bytes*; raise QuotaExceeded."""
        quota.check(counted(0))
        super().__init__(path.open("xb"))
        self.path = path
        self._quota = quota
        self._most_bytes = most_bytes

    def add(self, content: bytes | bytearray) -> None:
        """Add *content*; raise TooLarge or QuotaExceeded."""
        if self.size + len(content) > self._most_bytes:
            raise TooLarge(self._most_bytes, self.size + len(content))
        self._quota.arrive(len(content))
        super().add(content)

    def close(self) -> None:
        """Remove the file."""
        self._quota.depart(self.size)
        self.size = 0
        super().close()
        self.path.unlink(missing_ok=True)
