"""Finds the field `model` of a multipart form, and where in the bytes its value is."""

import re
from typing import Literal

_HEADERS_BYTES = 1 << 17
"""Most bytes of a part's headers: 8 headers of 16 KiB, as `multipart_body` allows."""

_IS_MODEL = re.compile(
    rb'content-disposition:[^\r\n]*?;\s*name=("model"|model)\s*(;|\r|$)', re.IGNORECASE
)

_VALUE_BYTES = 1 << 10
"""Most bytes of a value: a name has at most 256 characters."""


class ModelPart:
    """Reads a form as its bytes arrive, up to the end of its first part named `model`."""

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        # The first delimiter has no line end before it.
        self._held = b"\r\n"
        self._held_start = -len(self._held)
        """Offset in the form of the first byte of `_held`."""
        self._in: Literal["headers", "model", "other", "end"] = "other"
        self.start = 0
        self.end = 0
        """The value is in the bytes from *start* to before *end*."""
        self.value: str | None = None
        """The value; None before it is found, and if there is none."""

    def feed(self, chunk: bytes) -> bool:
        """Read on; return whether nothing more is to be found."""
        self._held += chunk
        while self._step():
            pass
        return self._in == "end"

    def _step(self) -> bool:
        """Go over one delimiter, or the headers of one part; return False if more is needed."""
        match self._in:
            case "headers":
                return self._headers()
            case "end":
                return False
            case _:
                return self._content()

    def _content(self) -> bool:
        found = self._held.find(self._delimiter)
        if self._in == "model" and (len(self._held) if found < 0 else found) > _VALUE_BYTES:
            self._in = "end"  # not a name
            return False
        if found < 0:
            if self._in == "other":  # keep what may be the beginning of a delimiter
                self._drop(max(len(self._held) - len(self._delimiter) + 1, 0))
            return False
        if self._in == "model":
            self.start, self.end = self._held_start, self._held_start + found
            self.value = self._held[:found].decode(errors="replace")
            self._in = "end"
            return False
        self._drop(found + len(self._delimiter))
        self._in = "headers"
        return True

    def _headers(self) -> bool:
        end = self._held.find(b"\r\n\r\n")
        if self._held.startswith(b"--") or (end < 0 and len(self._held) > _HEADERS_BYTES):
            self._in = "end"
            return False
        if end < 0:
            return False
        self._in = "model" if _IS_MODEL.search(self._held[:end]) else "other"
        self._drop(end + 4)
        return True

    def _drop(self, count: int) -> None:
        self._held = self._held[count:]
        self._held_start += count
