"""Finds out how much of a recording is missing, by the duration that its container states.

A stated duration is not a number of samples: recordings begin late, have gaps, and jump. It is a
point in the recording's own time. The last packet of a whole recording ends there; that of a cut
one ends before.
"""

import io
import struct
from typing import BinaryIO

from .budget import Budget
from .durations import UNKNOWN_SIZE, Duration, plausible, stated
from .ffmpeg import Unpacked

_HEAD = 12
"""Bytes of a RIFF file before its first chunk."""

_MOST_CHUNKS = 64
"""Chunks of a WAV file that are searched for the samples."""


def missing(audio: BinaryIO, unpacked: Unpacked, budget: Budget) -> float:
    """Return how many seconds *audio* lacks, 0 if unknown; *unpacked* is what it decoded to.

    Raises what `durations.stated` does.
    """
    share = _share(audio)
    if share == 1:
        return 0.0
    by_time = _missing_time(unpacked, stated(audio, unpacked.container, budget), _length(audio))
    return by_time if share is None else max(by_time, unpacked.seconds / share - unpacked.seconds)


def _missing_time(unpacked: Unpacked, stated: Duration, length: int) -> float:
    """Return the seconds from the end of *unpacked* to the end of the *stated* duration.

    *length* is the file's, in bytes. Containers differ in what they count: the audio itself, the
    time from its first sample, or the time from the container's zero. The smallest difference
    counts. The third is absolute: audio that ends later than stated was counted in another way.
    """
    span = unpacked.all_streams if stated.of_all_streams else unpacked.stream
    whole = plausible(stated.seconds, bytes_per_second=length / unpacked.seconds)
    if whole is None:
        return 0.0
    return min(
        max(whole - unpacked.seconds, 0.0),
        max(span.start + whole - span.end, 0.0),
        abs(whole - span.end),
    )


def _share(audio: BinaryIO) -> float | None:
    """Return the share, at most 1, that a WAV or AVI file has of the bytes that it states.

    None for other containers, and if the writer did not know the length. FFmpeg's durations do not
    help here: for a WAV it uses the length of the file, for an AVI that of the streams, which
    includes gaps.
    """
    length = _length(audio)
    audio.seek(0)
    magic, size, form = struct.unpack("<4sI4s", audio.read(_HEAD).ljust(_HEAD))
    if magic != b"RIFF":
        return None
    start = 8
    if form == b"WAVE" and (data := _data(audio)):
        # Only the samples count: chunks around them may be cut, or have wrong sizes.
        start, size = data
    if not 0 < size < UNKNOWN_SIZE or start >= length:
        return None
    share: float = min(1.0, (length - start) / size)
    return share


def _data(audio: BinaryIO) -> tuple[int, int] | None:
    """Return where the samples of a WAV file start, and their stated size, both in bytes.

    None if it states no size, or a placeholder.
    """
    position = _HEAD
    for _ in range(_MOST_CHUNKS):
        audio.seek(position)
        name, size = struct.unpack("<4sI", audio.read(8).ljust(8))
        position += 8
        if name == b"data":
            return (position, size) if 0 < size < UNKNOWN_SIZE else None
        position += size + size % 2
    return None


def _length(audio: BinaryIO) -> int:
    return audio.seek(0, io.SEEK_END)
