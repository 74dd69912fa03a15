"""Request bodies that are packed (`Content-Encoding: gzip` or `deflate`), unpacked as they arrive.

The limits on a body are on what it unpacks to: a packed body is unpacked in small pieces, and never
beyond the limit. A long body that unpacks to many times its size is refused below the limit, too:
otherwise a few kilobytes could fill the disk.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from shim.errors import InvalidParameter, TooLarge, UnsupportedCoding

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The codings that are supported, with zlib's number for their format."""

_NAMES = {"x-gzip": "gzip"}

_PIECE = 1 << 16
"""Bytes that are unpacked in one turn of the event loop, in some 0.2 ms."""

_SHORT = 64 << 20
"""Bytes to which any body may unpack, if its route takes as many."""

_RATIO = 20
"""Beyond that, bytes for each that was received: packed speech unpacks to twice its size."""

_SLICE = 1 << 14
"""Packed bytes that are given to zlib at once: it copies those that it does not take."""

_MEMBERS = 10_000
"""Parts of a gzip body, each packed by itself: an empty one has 20 bytes, and takes 10 µs."""

_FORMAT_BYTES = 2
"""The format of a deflate stream shows in its first two bytes."""


def coding(headers: Sequence[str]) -> str | None:
    """Return the coding that the values of Content-Encoding name; None if the body is not packed.

    Raises UnsupportedCoding for any other coding, and for several.
    """
    stated = ",".join(headers).lower().split(",")
    codings = [name.strip() for name in stated if name.strip() not in ("", "identity")]
    if not codings:
        return None
    name = _NAMES.get(codings[0], codings[0])
    if len(codings) > 1 or name not in _WINDOWS:
        raise UnsupportedCoding(
            f"A body with Content-Encoding `{', '.join(codings)}` cannot be read here. Send it "
            f"unpacked, or packed once as one of: {', '.join(_WINDOWS)}."
        )
    return name


async def unpacked(
    chunks: AsyncGenerator[bytes, None], name: str, limit: int
) -> AsyncGenerator[bytes, None]:
    """Yield what *chunks*, packed by the coding *name*, unpack to; other requests run in between.

    Raises TooLarge beyond *limit* bytes and what their size allows, InvalidParameter if they are
    not of that coding.
    """
    unpacker, size, received = _Unpacker(name), 0, 0
    async with aclosing(chunks):
        async for chunk in chunks:
            received += len(chunk)
            allowed = min(limit, _SHORT + _RATIO * received)
            for piece in unpacker.pieces(chunk):
                size += len(piece)
                if size > allowed:
                    raise TooLarge(allowed, size)
                yield piece
                await asyncio.sleep(0)
    unpacker.end()


class _Unpacker:
    """The state between two chunks of a packed body."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = b""
        """What has arrived and is not unpacked yet."""
        self._stream: zlib._Decompress | None = None
        """The part that is being unpacked: gzip may have several, one after the other."""
        self._members = 0

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what *chunk* adds, in pieces of at most 64 KiB."""
        for start in range(0, len(chunk), _SLICE):
            self._left += chunk[start : start + _SLICE]
            while len(self._left) >= (_FORMAT_BYTES if self._stream is None else 1):
                yield self._piece()

    def _piece(self) -> bytes:
        if self._stream is None:
            self._stream = zlib.decompressobj(self._window())
            self._members += 1
        try:
            piece = self._stream.decompress(self._left, _PIECE)
        except zlib.error as error:
            raise InvalidParameter(f"The body is not valid {self._name}: {error}.") from error
        self._left = self._stream.unconsumed_tail
        if self._stream.eof:
            self._left = self._stream.unused_data
            self._stream = None
        if self._members > _MEMBERS:
            raise InvalidParameter(f"The body has more than {_MEMBERS} parts of {self._name}.")
        return piece

    def _window(self) -> int:
        """Return zlib's number for the format of the bytes that have arrived.

        RFC 9110, 8.4.1.2: some clients send deflate without the zlib format that it should have.
        """
        method, check = self._left[0], int.from_bytes(self._left[:2], "big")
        raw = self._name == "deflate" and (method & 15 != zlib.DEFLATED or check % 31)
        return -zlib.MAX_WBITS if raw else _WINDOWS[self._name]

    def end(self) -> None:
        """Raise InvalidParameter if more should have come."""
        if self._stream is not None or self._left:
            raise InvalidParameter(f"The body is not valid {self._name}: it breaks off.")
