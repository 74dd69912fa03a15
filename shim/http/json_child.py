"""Runs in the child process that decodes large bodies for `json_worker`.

It reads jobs from its standard input and writes replies to its standard output, both pickled, one
at a time, until its input ends. The input ends when the server does, however that ends.
"""

import gc
import io
import pickle
import resource
import sys
from typing import Any, BinaryIO

from msgspec import Struct

from shim.errors import ApiError, InvalidParameter

from .charset import json_as_utf8
from .json_decoding import Rules, decoded
from .json_peek import Peeked, peeked

PIECE_CHARACTERS = 1 << 18
"""Most characters of a string that are sent, and loaded, in one piece."""

_PAUSE_OBJECTS = 500
"""Objects that the server loads without a pause, in about 0.3 ms."""


class DecodeJob(Struct, frozen=True, kw_only=True):
    """How to decode the body that follows it on the child's standard input."""

    kind: Any
    """The type of the body, or a function that takes the decoded JSON and returns the value; or
    Peeked, for the result of `peeked`."""
    rules: Rules
    size: int
    """Bytes of the body."""


class Refusal(Struct, frozen=True):
    """The parts of an ApiError, which can be pickled."""

    kind: type[ApiError]
    message: str
    param: str | None


class _Pickler(pickle.Pickler):
    """Pickles values so that loading them pauses often, and copies long strings in pieces.

    For each persistent id made here, loading calls `persistent_load`, which is Python code; only
    there can another thread take the interpreter's lock. See `json_worker`.
    """

    def __init__(self, file: BinaryIO, text_characters: int) -> None:
        super().__init__(file, protocol=5)
        self._text_characters = text_characters
        self._since_pause = 0
        self._marked: Any = None
        """The value in the latest list: it is pickled next, and needs no other id."""

    def persistent_id(self, value: Any) -> Any:
        """Return the id with which *value* is pickled, or None to pickle *value* itself.

        The id of a long string is a tuple of its pieces. For each full piece, and after every 500
        objects, the id is a list that holds *value*; loading pauses there.
        """
        if value is self._marked:
            return None
        self._since_pause += 1
        if isinstance(value, str) and len(value) >= PIECE_CHARACTERS:
            if len(value) > PIECE_CHARACTERS:
                return self._pieces(value)
            self._since_pause = _PAUSE_OBJECTS
        if self._since_pause < _PAUSE_OBJECTS:
            return None
        self._since_pause = 0
        self._marked = value
        return [value]

    def _pieces(self, text: str) -> tuple[str, ...]:
        # To append a piece with wider characters, Python copies the whole string in one go.
        if len(text) > self._text_characters and not text.isascii():
            raise InvalidParameter(
                f"A text of {len(text)} characters, not all of them ASCII, is longer than the "
                f"{self._text_characters} allowed."
            )
        starts = range(0, len(text), PIECE_CHARACTERS)
        return tuple(text[start : start + PIECE_CHARACTERS] for start in starts)


def reply(body: bytes, job: DecodeJob) -> bytes:
    """Return the pickled value of *body*, or a pickled Refusal."""
    try:
        return _pickled(_value(body, job), job.rules.limits.text_characters)
    except ApiError as error:
        return _pickled(Refusal(type(error), str(error), error.param), sys.maxsize)
    except MemoryError:
        return _refused("The body takes too much memory to decode.")
    # A body that can be decoded may still be nested too deeply for pickling.
    except RecursionError:
        return _refused("The body is nested too deeply.")


def _refused(message: str) -> bytes:
    return _pickled(Refusal(InvalidParameter, message, None), sys.maxsize)


def _value(body: bytes, job: DecodeJob) -> Any:
    if job.kind is Peeked:
        return peeked(json_as_utf8(body, job.rules.charset))
    if isinstance(job.kind, type):
        return decoded(body, job.kind, job.rules)
    return job.kind(decoded(body, Any, job.rules))


def _pickled(value: Any, text_characters: int) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, text_characters).dump(value)
    return buffer.getvalue()


def main(memory_bytes: int) -> None:
    """Decode bodies until the input ends, in an address space of at most *memory_bytes*."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    gc.freeze()
    while True:
        try:
            job: DecodeJob = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent
        except EOFError:
            return
        sys.stdout.buffer.write(reply(sys.stdin.buffer.read(job.size), job))
        sys.stdout.buffer.flush()
