"""How long a recording is, as FFmpeg tells before it is decoded.

Of the durations that FFmpeg tells, the container states only some. Others FFmpeg estimates from a
bit rate, or measures at the end of the file, be that cut or not. With a file whose length it does
not know it can do neither: what it tells of such a one is stated.
"""

from typing import BinaryIO

import av
from av.container import InputContainer
from msgspec import Struct

from backends.failures import UndecodableAudio

from .budget import Budget
from .container import Unmeasured, first_stream, opened

UNKNOWN_SIZE = 0x7E000000
"""Writers that do not know the length leave one near the most that 31 or 32 bits count: SoX leaves
0x7F000000 bytes of samples in an AIFF, 0x7FFFF000 in a WAV."""

_LONGEST = 7 * 24 * 3600
"""Seconds that no recording has: what states more was filled with the highest number."""

_OF_ALL_STREAMS = {"asf"}
"""Containers that have one duration, which FFmpeg tells of each stream."""


class Duration(Struct, frozen=True, kw_only=True):
    """What FFmpeg tells of a container."""

    seconds: float | None
    """None where it tells nothing."""
    of_all_streams: bool
    """Whether the longest stream is meant, and not the audio."""


def plausible(seconds: float | None, *, bytes_per_second: float) -> float | None:
    """Return *seconds*, or None if they are a placeholder.

    *bytes_per_second* is what the recording takes, 0 if that is unknown.
    """
    if seconds is None or not 0 < seconds < _LONGEST:
        return None
    return None if seconds * bytes_per_second >= UNKNOWN_SIZE else seconds


def duration(container: InputContainer) -> Duration:
    """Return what FFmpeg tells of the first audio stream of *container*, by whatever means.

    Raises what `first_stream` does.
    """
    stream = first_stream(container)
    of_all = container.format.name in _OF_ALL_STREAMS
    if stream.duration is not None and stream.time_base and not of_all:
        return Duration(seconds=float(stream.duration * stream.time_base), of_all_streams=False)
    whole = None if container.duration is None else container.duration / av.time_base
    return Duration(seconds=whole, of_all_streams=True)


def stated(audio: BinaryIO, container: str, budget: Budget) -> Duration:
    """Return what the file *audio* itself states, of which FFmpeg calls the format *container*.

    Raises what `Budget.check_time` does.
    """
    # MP3's demuxer takes a file of unknown length for one that does not fit its header.
    source = Unmeasured(audio, budget, last=0 if container == "mp3" else None)
    audio.seek(0)
    try:
        with budget.turn, opened(source) as unmeasured:
            found = duration(unmeasured)
    except (av.FFmpegError, UndecodableAudio):
        # What opens by its end alone has that end.
        found = Duration(seconds=None, of_all_streams=False)
    source.check()
    return found
