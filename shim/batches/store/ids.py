"""Makes the ids of files and batches: they sort by time, and cannot be guessed."""

import secrets
import time

_RANDOM_BYTES = 10
"""80 random bits: who does not list the files of a server without keys does not guess an id."""


class Ids:
    """Makes ids, each of which sorts after those before it.

    An id has the time in nanoseconds as 16 hexadecimal digits, and then 20 random ones. Pages are
    cut by comparing ids, so a page can begin after an id that has been deleted since.
    """

    def __init__(self, last: str = "") -> None:
        """*last* is the greatest id so far, without its prefix; the clock may have gone back."""
        self._last = int(last[:16] or "0", 16)

    def new(self, prefix: str) -> str:
        """Return a new id that begins with *prefix*."""
        self._last = max(time.time_ns(), self._last + 1)
        return f"{prefix}{self._last:016x}{secrets.token_hex(_RANDOM_BYTES)}"
