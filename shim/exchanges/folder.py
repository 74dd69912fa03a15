"""The folder of a recording: a line for each exchange, and bodies in files named by their hash.

`exchanges.jsonl` has an `Exchange` on each line, in the order in which the exchanges ended;
`bodies/` has each body once, however many exchanges have it. A body is written before the line
that names it, so a folder is valid at every moment, also if the server is killed.
"""

import fcntl
import io
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import msgspec
from msgspec import Struct

from . import content
from .answer import Answer
from .content import Blob, Part
from .request import Head, Request, content_type, request

log = logging.getLogger(__name__)

LINES = "exchanges.jsonl"


class Exchange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a recording: a request and its answer."""

    id: str
    """The value of `x-request-id` in the answer."""
    began: float
    """When the request began, in Unix seconds."""
    key: str | None = None
    """The configured name of the client's key; None if it has none."""
    request: Head
    body: Blob | None = None
    """The request's body, unless it is a form."""
    parts: list[Part] | None = None
    """The parts of the request's body if it is a form."""
    answer: Answer | None = None
    """None if no answer began."""
    answer_body: Blob | None = None
    whole: bool
    """Whether the request was read to its end and the answer was sent to its end."""


class FolderUnusable(Exception):
    """A folder that cannot be written or read; the message names it and the reason."""


class Bodies:
    """Files named by the SHA-256 of their bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "bodies"
        self.size = 0
        """Bytes of all bodies, once `make_folder` has been called."""

    def make_folder(self) -> None:
        """Make the folder for its owner only, or clear it of what a killed server has begun.

        Raises OSError.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for begun in self._folder.glob(".*"):
            begun.unlink()
        self.size = sum(file.stat().st_size for file in self._folder.iterdir())

    def keep(self, body: BinaryIO) -> Blob:
        """Write *body*, from its present position, unless its bytes are there; return its hash.

        Raises OSError.
        """
        start = body.tell()
        blob = content.hashed(body)
        kept = self._folder / blob.sha256
        if kept.exists():
            return blob
        body.seek(start)
        with NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
            try:
                shutil.copyfileobj(body, file)
                file.flush()
                Path(file.name).replace(kept)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
        self.size += blob.size
        return blob

    def read(self, blob: Blob) -> bytes:
        """Return the bytes of *blob*; raise FolderUnusable if they are not those of its hash."""
        file = self._folder / blob.sha256
        try:
            body = file.read_bytes()
        except OSError as error:
            raise FolderUnusable(f"{file}: {error.strerror}") from error
        if content.hashed(io.BytesIO(body)) != blob:
            raise FolderUnusable(f"{file} does not have the bytes of its name.")
        return body


class Recording:
    """A recording that is read."""

    def __init__(self, folder: Path) -> None:
        """Read the lines in *folder*; raise FolderUnusable."""
        self.bodies = Bodies(folder)
        self._file = folder / LINES
        self.exchanges = list(self._lines())

    def _lines(self) -> Iterator[Exchange]:
        try:
            lines = self._file.read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise FolderUnusable(f"{self._file}: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                log.warning("%s: line %d is not complete: ignored", self._file, number)
                return
            try:
                yield msgspec.json.decode(line, type=Exchange)
            except msgspec.MsgspecError as error:
                raise FolderUnusable(f"{self._file}, line {number}: {error}") from error

    def request(self, exchange: Exchange) -> Request:
        """Return the request of *exchange*."""
        if exchange.parts is not None:
            return request(exchange.request, content.of_form(exchange.parts))
        body = b"" if exchange.body is None else self.bodies.read(exchange.body)
        return request(exchange.request, content.of_bytes(io.BytesIO(body)))


class Writer:
    """A recording that is written, by one thread; further exchanges follow those in the folder."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        """Write at most *most_bytes*, those in *folder* included; raise FolderUnusable."""
        self._most_bytes = most_bytes
        self._bodies = Bodies(folder)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lines = os.open(folder / LINES, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._bodies.make_folder()
            self._lines_size = self._end_of_last_line()
        except BlockingIOError as error:
            raise FolderUnusable(f"{folder}: another server records there") from error
        except OSError as error:
            raise FolderUnusable(f"{folder}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file of the lines."""
        os.close(self._lines)

    def write(self, exchange: Exchange, body: BinaryIO, answer_body: BinaryIO) -> None:
        """Write *exchange* with the *body* of its request and the *answer_body*.

        Raises OSError, and RecordingFull if they do not fit; the exchange is then not in the
        recording.
        """
        size = body.seek(0, os.SEEK_END) + answer_body.seek(0, os.SEEK_END)
        if self._lines_size + self._bodies.size + size > self._most_bytes:
            raise RecordingFull(f"the recording has reached {self._most_bytes} bytes")
        line = msgspec.json.encode(self._with_bodies(exchange, body, answer_body)) + b"\n"
        self._append(line)
        self._lines_size += len(line)

    def _with_bodies(self, exchange: Exchange, body: BinaryIO, answer_body: BinaryIO) -> Exchange:
        body.seek(0)
        answer_body.seek(0)
        parts = content.form(body, content_type(exchange.request), self._bodies.keep)
        body.seek(0)
        return msgspec.structs.replace(
            exchange,
            parts=parts,
            body=self._bodies.keep(body) if parts is None else None,
            answer_body=self._bodies.keep(answer_body),
        )

    def _append(self, line: bytes) -> None:
        """Append *line*, whole or not at all."""
        end = os.fstat(self._lines).st_size
        if os.write(self._lines, line) != len(line):
            os.ftruncate(self._lines, end)
            raise OSError(None, "No space left for a line")

    def _end_of_last_line(self) -> int:
        """Cut off a line that a killed server has begun; return the bytes that are left."""
        size = os.fstat(self._lines).st_size
        end = size
        while end and os.pread(self._lines, 1, end - 1) != b"\n":
            end -= 1
        if end != size:
            os.ftruncate(self._lines, end)
        return end


class RecordingFull(Exception):
    """A recording that has as many bytes as it may."""
