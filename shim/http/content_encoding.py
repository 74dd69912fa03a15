"""Decompresses request bodies as they arrive (`Content-Encoding: gzip` or `deflate`).

The limits on a body count decompressed bytes: a body is decompressed in small pieces, and never
beyond its limit. A long body that decompresses to many times its size is refused below the limit
too; otherwise a few kilobytes could fill the disk.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from shim.errors import InvalidParameter, TooLarge, UnsupportedCoding

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The supported codings, each with zlib's `wbits` for its format."""

_NAMES = {"x-gzip": "gzip"}

_PIECE = 1 << 16
"""Most bytes decompressed in one turn of the event loop, in about 0.2 ms."""

_SHORT = 64 << 20
"""Bytes to which any body may decompress, if the limit of its route allows as many."""

_RATIO = 20
"""Bytes allowed beyond `_SHORT` for each received byte. Speech decompresses to twice its size."""

_SLICE = 1 << 14
"""Compressed bytes that zlib gets in one call: it copies those that it does not consume."""

_MEMBERS = 10_000
"""Most members of a gzip body. An empty one has 20 bytes and takes 10 µs."""

_FORMAT_BYTES = 2
"""First bytes of a deflate body that show its format."""


def coding(headers: Sequence[str]) -> str | None:
    """Return the coding in the values of Content-Encoding; None if the body is not compressed.

    Raises UnsupportedCoding for an unknown coding, and for several.
    """
    stated = ",".join(headers).lower().split(",")
    codings = [name.strip() for name in stated if name.strip() not in ("", "identity")]
    if not codings:
        return None
    name = _NAMES.get(codings[0], codings[0])
    if len(codings) > 1 or name not in _WINDOWS:
        raise UnsupportedCoding(
            f"Content-Encoding `{', '.join(codings)}` is not supported. Send the body "
            f"uncompressed, or compressed once as one of: {', '.join(_WINDOWS)}."
        )
    return name


async def decompressed(
    chunks: AsyncGenerator[bytes, None], name: str, limit: int
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of *chunks*, decompressed from the coding *name*, in pieces of 64 KiB.

    Other requests run between two pieces. Raises TooLarge above *limit* bytes, or above what the
    received size allows; InvalidParameter if *chunks* are not valid in that coding.
    """
    decompressor, size, received = _Decompressor(name), 0, 0
    async with aclosing(chunks):
        async for chunk in chunks:
            received += len(chunk)
            allowed = min(limit, _SHORT + _RATIO * received)
            for piece in decompressor.pieces(chunk):
                size += len(piece)
                if size > allowed:
                    raise TooLarge(allowed, size)
                yield piece
                await asyncio.sleep(0)
    decompressor.end()


class _Decompressor:
    """Decompresses one body; holds the state between two chunks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = b""
        """Received bytes that are not decompressed yet."""
        self._stream: zlib._Decompress | None = None
        """The decompressor of the current member; a gzip body may have several members."""
        self._members = 0

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the bytes that *chunk* adds, in pieces of at most 64 KiB."""
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
            raise InvalidParameter(f"The body has more than {_MEMBERS} members of {self._name}.")
        return piece

    def _window(self) -> int:
        """Return zlib's `wbits` for the format of the received bytes.

        Some clients send deflate without the zlib header that it must have (RFC 9110, 8.4.1.2).
        """
        method, check = self._left[0], int.from_bytes(self._left[:2], "big")
        raw = self._name == "deflate" and (method & 15 != zlib.DEFLATED or check % 31)
        return -zlib.MAX_WBITS if raw else _WINDOWS[self._name]

    def end(self) -> None:
        """Raise InvalidParameter if the body is not complete."""
        if self._stream is not None or self._left:
            raise InvalidParameter(f"The body is not valid {self._name}: its end is missing.")
