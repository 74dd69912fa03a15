"""Whether a recording is whole: what its container states against how far it goes.

A stated duration is no number of samples: recordings begin late, have gaps, and jump. It is a place
in the recording's own time. There a whole recording's last packet ends; that of one that was cut
ends before.
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


def missing(audio: BinaryIO, unpacked: Unpacked, budget: Budget) -> float:
    """Return the seconds that *audio*, of which *unpacked* came out, should have and has not.

    0 where that is unknown. Raises what `Budget.check_time` does.
    """
    share = _share(audio)
    if share == 1:
        return 0.0
    short = _short(unpacked, stated(audio, unpacked.container, budget), _length(audio))
    return short if share is None else max(short, unpacked.seconds / share - unpacked.seconds)


def _short(unpacked: Unpacked, told: Duration, length: int) -> float:
    """Return the seconds by which what came out of *length* bytes falls short of what is *told*.

    A stated duration counts the audio itself, or from its first sample on, or from the container's
    zero; in the last sense, what ends too late has another.
    """
    span = unpacked.all_streams if told.of_all_streams else unpacked.stream
    whole = plausible(told.seconds, bytes_per_second=length / unpacked.seconds)
    if whole is None:
        return 0.0
    return min(
        max(whole - unpacked.seconds, 0.0),
        max(span.start + whole - span.end, 0.0),
        abs(whole - span.end),
    )


def _share(audio: BinaryIO) -> float | None:
    """Return the share that is there of the bytes that a WAV or AVI file states, 1 at most.

    None for other containers, and where the writer did not know the length. FFmpeg goes by the
    file's own length in a WAV, and by the streams' in an AVI, which counts their gaps.
    """
    length = _length(audio)
    audio.seek(0)
    magic, size, form = struct.unpack("<4sI4s", audio.read(_HEAD).ljust(_HEAD))
    if magic != b"RIFF":
        return None
    start = 8
    if form == b"WAVE" and (data := _data(audio)):
        # What surrounds the samples may be cut, or counted wrongly.
        start, size = data
    if not 0 < size < UNKNOWN_SIZE or start >= length:
        return None
    share: float = min(1.0, (length - start) / size)
    return share


def _data(audio: BinaryIO) -> tuple[int, int] | None:
    """Return where a WAV file's samples start and how many bytes of them it states, if it does."""
    at = _HEAD
    for _ in range(_MOST_CHUNKS):
        audio.seek(at)
        name, size = struct.unpack("<4sI", audio.read(8).ljust(8))
        at += 8
        if name == b"data":
            return (at, size) if 0 < size < UNKNOWN_SIZE else None
        at += size + size % 2
    return None


def _length(audio: BinaryIO) -> int:
    return audio.seek(0, io.SEEK_END)
