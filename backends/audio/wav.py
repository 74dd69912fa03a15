"""Reads WAV files of plain mono samples at 16 kHz directly, without FFmpeg."""

import io
import struct
from typing import BinaryIO

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .budget import Budget
from .samples import FULL_SCALE, RATE, Samples

_BLOCK = 1 << 18
"""Samples read at a time: few enough for the processor's cache, and for no second copy of all."""

_MOST_CHUNKS = 64
"""Most chunks of a file that is read here; FFmpeg decodes a file with more."""

_LOUDEST = 65_536.0
"""Absolute value of floats from which their quantisation depends on the processor, as it does for
infinities and NaN."""

_SPDIF = (b"\x72\xf8\x1f\x4e", 1 << 16)
"""The mark of a compressed stream within 16-bit samples, and the number of bytes, from the first
sample, in which FFmpeg looks for it."""


def read(audio: BinaryIO, budget: Budget) -> Samples | None:
    """Return the samples that FFmpeg would decode from *audio*, or None if FFmpeg must decode it.

    Only a whole file of 16-bit integers or 32-bit floats with consistent sizes is read here. Floats
    are quantised to 16 bits, as faster-whisper does. FFmpeg would find MP3 or DTS that is hidden in
    integers; here its bytes count as samples.

    Raises what `Budget.reserve` and `Budget.charge` do.
    """
    data = _find(audio)
    if data is None:
        return None
    count = data.size // data.kind.itemsize
    budget.reserve(count / RATE)
    budget.charge(samples=count, rate=RATE, size=data.size)
    audio.seek(data.start)
    parts: list[NDArray[np.int16]] = []
    for first in range(0, count, _BLOCK):
        content = audio.read(min(_BLOCK, count - first) * data.kind.itemsize)
        if first == 0 and _SPDIF[0] in content[: _SPDIF[1]]:
            return None
        part = _integers(np.frombuffer(content, data.kind))
        if part is None:
            return None
        parts.append(part)
    return Samples(parts)


def _integers(raw: NDArray[np.int16 | np.float32]) -> NDArray[np.int16] | None:
    """Return *raw* rounded as libswresample does; None if its result depends on the processor."""
    if raw.dtype.kind == "i":
        return raw.astype(np.int16, copy=False)
    if not np.abs(raw).max() < _LOUDEST:
        return None
    scaled = raw * np.float32(FULL_SCALE)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1, out=scaled)
    return scaled.astype(np.int16)


class _Data(Struct, frozen=True, kw_only=True):
    """Where the samples are in a file, in bytes, and their type."""

    start: int
    size: int
    kind: np.dtype[np.int16 | np.float32]


def _find(audio: BinaryIO) -> _Data | None:
    chunks = _chunks(audio)
    if b"fmt " not in chunks or b"data" not in chunks:
        return None
    head, size = chunks[b"fmt "]
    audio.seek(head)
    kind = _KINDS.get(audio.read(size)) if size <= _LONGEST_FORMAT else None
    start, size = chunks[b"data"]
    if kind is None or start < head or not size or size % kind.itemsize:
        return None
    return _Data(start=start, size=size, kind=kind)


def _chunks(audio: BinaryIO) -> dict[bytes, tuple[int, int]]:
    """Return the start and size of each chunk by its name; empty if the file is not consistent."""
    length = audio.seek(0, io.SEEK_END)
    audio.seek(0)
    magic, size, form = struct.unpack("<4sI4s", audio.read(12).ljust(12))
    if magic != b"RIFF" or form != b"WAVE" or size + 8 != length:
        return {}
    chunks: dict[bytes, tuple[int, int]] = {}
    position = 12
    for _ in range(_MOST_CHUNKS):
        audio.seek(position)
        name, size = struct.unpack("<4sI", audio.read(8).ljust(8))
        if name in {b"SMV0", b"XMA2"} or (name in chunks and name in {b"fmt ", b"data"}):
            break  # FFmpeg treats these in its own way
        chunks[name] = position + 8, size
        position += 8 + size + size % 2
        if position == length:
            return chunks
        if position > length:
            break
    return {}


def _formats(tag: int, width: int) -> list[bytes]:
    """Return the contents that writers give a `fmt ` chunk, for samples of *width* bytes.

    *tag* is 1 for integers, 3 for floats.
    """
    rest = struct.pack("<HIIHH", 1, RATE, RATE * width, width, width * 8)
    short = struct.pack("<H", tag) + rest
    # The extensible form: valid bits, the channel (none or front centre), the tag as a GUID.
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    wide = struct.pack("<H", 0xFFFE) + rest + struct.pack("<HH", 22, width * 8)
    return [short, short + bytes(2), *(wide + struct.pack("<I", c) + guid for c in (0, 4))]


_KINDS: dict[bytes, np.dtype[np.int16 | np.float32]] = {
    **dict.fromkeys(_formats(1, 2), np.dtype("<i2")),
    **dict.fromkeys(_formats(3, 4), np.dtype("<f4")),
}
_LONGEST_FORMAT = max(map(len, _KINDS))
