"""Reads the duration that FFmpeg reports for a recording before it is decoded.

Some durations are stated in the container. Others FFmpeg estimates from a bit rate, or measures at
the end of the file, which may be cut. For a file of unknown length it can do neither, so the
duration that it then reports is a stated one.
"""

from typing import BinaryIO

import av
from av.container import InputContainer
from msgspec import Struct

from backends.failures import UndecodableAudio

from .budget import Budget
from .container import Unmeasured, first_stream, opened

UNKNOWN_SIZE = 0x7E000000
"""Bytes from which a stated size is a placeholder. Writers that do not know the length state one
near the largest number of 31 or 32 bits: SoX states 0x7F000000 bytes of samples in an AIFF,
0x7FFFF000 in a WAV."""

_LONGEST = 7 * 24 * 3600
"""Seconds from which a stated duration is a placeholder: no recording is that long."""

_OF_ALL_STREAMS = {"asf"}
"""FFmpeg's names of containers with one duration, which FFmpeg reports for each stream."""


class Duration(Struct, frozen=True, kw_only=True):
    """The duration that FFmpeg reports for a container."""

    seconds: float | None
    """None if FFmpeg reports no duration."""
    of_all_streams: bool
    """Whether it is the duration of the longest stream, and not of the audio."""


def plausible(seconds: float | None, *, bytes_per_second: float) -> float | None:
    """Return *seconds*, or None if they are a placeholder.

    *bytes_per_second* is the size of one second of the recording; 0: unknown.
    """
    if seconds is None or not 0 < seconds < _LONGEST:
        return None
    return None if seconds * bytes_per_second >= UNKNOWN_SIZE else seconds


def duration(container: InputContainer) -> Duration:
    """Return the duration that FFmpeg reports for *container*: stated, estimated or measured.

    It is that of the first audio stream or, for `of_all_streams`, of the longest one. Raises what
    `first_stream` does.
    """
    stream = first_stream(container)
    of_all = container.format.name in _OF_ALL_STREAMS
    if stream.duration is not None and stream.time_base and not of_all:
        return Duration(seconds=float(stream.duration * stream.time_base), of_all_streams=False)
    whole = None if container.duration is None else container.duration / av.time_base
    return Duration(seconds=whole, of_all_streams=True)


def stated(audio: BinaryIO, container: str, budget: Budget) -> Duration:
    """Return the duration that the file *audio* states; *container* is FFmpeg's name of its format.

    Raises what `Budget.check_time` does, and OSError if the file cannot be read.
    """
    # To MP3's demuxer a file of unknown length contradicts its header.
    source = Unmeasured(audio, budget, last=0 if container == "mp3" else None)
    audio.seek(0)
    try:
        with budget.turn, opened(source) as unmeasured:
            stated_duration = duration(unmeasured)
    except (av.FFmpegError, UndecodableAudio):
        # A file that only opens when its length is known was not cut: its end was needed.
        stated_duration = Duration(seconds=None, of_all_streams=False)
    source.check()
    return stated_duration
