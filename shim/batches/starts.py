"""Remembers on disk which lines run, so that one that ends the server each time is given up."""

import os
from collections import Counter
from pathlib import Path

MOST_STARTS = 3
"""Starts of a line that ended with the server, after which it is not started again."""


class Starts:
    """The starts of a batch's lines that no orderly end has taken back, one a line of a file.

    Not synchronised to the disk: it has to survive the process, not the machine.
    """

    def __init__(self, path: Path) -> None:
        """Read *path*, which need not exist."""
        self._counts: Counter[int] = Counter()
        text = path.read_bytes() if path.exists() else b""
        # What follows the last newline is not whole; a loss of power may leave other bytes.
        for entry in text.split(b"\n")[:-1]:
            if (number := entry.lstrip(b"-")).isdigit():
                self._counts[int(number) - 1] += -1 if entry.startswith(b"-") else 1
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def before(self, index: int) -> int:
        """Return how many starts of the line *index* an earlier process has not taken back."""
        return self._counts[index]

    def add(self, index: int) -> None:
        """Note that the line *index* starts. Raises OSError."""
        os.write(self._file, b"%d\n" % (index + 1))

    def take_back(self, index: int) -> None:
        """Note that the line *index* was stopped in good order. Raises OSError."""
        os.write(self._file, b"%d\n" % -(index + 1))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
