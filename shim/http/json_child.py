"""The child process that decodes large bodies for `json_worker`.

It reads requests from its standard input and writes replies to its standard output, both pickled,
one at a time, until its input ends: with the server, however that ends.
"""

import gc
import io
import pickle
import resource
import sys
from typing import Any, BinaryIO

from msgspec import Struct

from shim.errors import ApiError, InvalidParameter

from .json_decoding import Rules, decoded

PIECE_CHARACTERS = 1 << 18
"""Characters of a long string that are sent, and loaded, at once."""

_PAUSE_OBJECTS = 500
"""Objects that the server loads without a pause: some 0.3 ms."""


class Question(Struct, frozen=True, kw_only=True):
    """What to decode; the body follows, in so many bytes."""

    kind: Any
    """The type of the body, or a function that makes the value of the decoded JSON."""
    rules: Rules
    size: int


class Refusal(Struct, frozen=True):
    """An ApiError, in parts that can be pickled."""

    kind: type[ApiError]
    message: str
    param: str | None


class _Pickler(pickle.Pickler):
    """Pickles so that loading pauses often, and copies no long string at once.

    Loading calls `persistent_load`, which is Python, for each persistent id made here; only there
    can another thread take the interpreter's lock. See `json_worker`.
    """

    def __init__(self, file: BinaryIO, text_characters: int) -> None:
        super().__init__(file, protocol=5)
        self._text_characters = text_characters
        self._since_pause = 0
        self._marked: Any = None

    def persistent_id(self, value: Any) -> Any:
        """Return the pieces of a long string as a tuple, and now and then any value in a list."""
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
        # A wider character late in a string makes Python copy all before it.
        if len(text) > self._text_characters and not text.isascii():
            raise InvalidParameter(
                f"A text of {len(text)} characters, not all of them ASCII, is longer than the "
                f"{self._text_characters} allowed."
            )
        starts = range(0, len(text), PIECE_CHARACTERS)
        return tuple(text[start : start + PIECE_CHARACTERS] for start in starts)


def reply(body: bytes, question: Question) -> bytes:
    """Return the pickled value of *body*, or the pickled Refusal."""
    try:
        return _pickled(_value(body, question), question.rules.limits.text_characters)
    except ApiError as error:
        return _pickled(Refusal(type(error), str(error), error.param), sys.maxsize)
    except MemoryError:
        return _refused("The body takes too much memory to decode.")
    # Depth that can be decoded may still be too deep for pickling.
    except RecursionError:
        return _refused("The body is nested too deeply.")


def _refused(message: str) -> bytes:
    return _pickled(Refusal(InvalidParameter, message, None), sys.maxsize)


def _value(body: bytes, question: Question) -> Any:
    if isinstance(question.kind, type):
        return decoded(body, question.kind, question.rules)
    return question.kind(decoded(body, Any, question.rules))


def _pickled(value: Any, text_characters: int) -> bytes:
    written = io.BytesIO()
    _Pickler(written, text_characters).dump(value)
    return written.getvalue()


def main(memory_bytes: int) -> None:
    """Answer until the input ends, with an address space of so many bytes at the most."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    gc.freeze()
    while True:
        try:
            question: Question = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent
        except EOFError:
            return
        answer = reply(sys.stdin.buffer.read(question.size), question)
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
