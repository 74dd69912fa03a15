"""The folder of cached answers: a file for each, which several servers may share.

A file is written under another name and then renamed, so that it is whole whenever it can be
found. It has an `Answer` as JSON on its first line, and then the bytes of the body.
"""

import logging
import os
import time
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import msgspec

from .answer import Answer
from .folder import FolderUnusable

log = logging.getLogger(__name__)

_SUFFIX = ".answer"

_SHARE_WRITTEN = 0.1
"""The share of its bytes that a server may write before it looks at the whole folder again, where
other servers may have written too."""

_SHARE_LEFT = 0.9
"""The share of its bytes that is left when old answers have been removed."""

_ABANDONED_SECONDS = 3600.0
"""Age at which a file with a temporary name belongs to a server that was killed."""


class CacheFolder:
    """Answers by the digest of their request; the longest unused are removed."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        """Keep about *most_bytes*: at most a tenth more for each server that shares the folder.

        Raises FolderUnusable.
        """
        self._folder = folder
        self._most_bytes = most_bytes
        self._written = 0
        """Bytes that were written since the folder was looked at."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._remove_old()
        except OSError as error:
            raise FolderUnusable(f"{folder}: {error.strerror}") from error

    def find(self, key: str) -> tuple[Answer, bytes] | None:
        """Return the answer for *key* and its body; None if there is none.

        Raises OSError if it is there and cannot be read.
        """
        file = self._file(key)
        try:
            line, _, body = file.read_bytes().partition(b"\n")
            os.utime(file)
        except FileNotFoundError:
            return None
        try:
            answer = msgspec.json.decode(line, type=Answer)
        except msgspec.MsgspecError:  # of another version
            return None
        return (answer, body) if answer.size == len(body) else None

    def keep(self, key: str, answer: Answer, body: BinaryIO) -> None:
        """Keep *answer* with *body* for *key*; raise OSError."""
        content = msgspec.json.encode(answer) + b"\n" + body.read()
        if len(content) > self._most_bytes:
            return
        with NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                temporary.replace(self._file(key))
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        self._written += len(content)
        if self._written > _SHARE_WRITTEN * self._most_bytes:
            self._remove_old()

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _remove_old(self) -> None:
        """Remove the longest unused answers, if all together have too many bytes."""
        self._written = 0
        states = []
        for file in self._folder.iterdir():
            try:
                states.append((file.stat(), file))
            except FileNotFoundError:  # another server has removed it
                continue
        size = sum(state.st_size for state, _ in states)
        is_full = size > self._most_bytes
        for state, file in sorted(states, key=lambda pair: pair[0].st_mtime):
            if file.suffix != _SUFFIX:
                if time.time() - state.st_mtime < _ABANDONED_SECONDS:
                    continue
            elif not is_full or size <= _SHARE_LEFT * self._most_bytes:
                continue
            file.unlink(missing_ok=True)
            size -= state.st_size
