"""Decodes a recording in any container to 16 kHz mono, the same samples as faster-whisper."""

import io
from typing import BinaryIO

from backends.config import AudioLimits
from backends.failures import EmptyAudio, TruncatedAudio

from . import wav
from .budget import Budget
from .ffmpeg import unpack
from .memory import Reservation, Understated
from .missing import missing
from .samples import RATE, Samples

__all__ = ["RATE", "decode"]

_TOLERANCE = 0.5
"""Seconds that may be missing from the stated duration before a recording counts as cut."""


def decode(audio: BinaryIO, limits: AudioLimits, reservation: Reservation) -> Samples:
    """Return the samples of *audio*; *reservation* then holds the memory that they need.

    The container is recognised by its content, never by the file's name. The samples equal those
    of `faster_whisper.decode_audio`, bit for bit. Blocks until there is memory, and while it
    decodes.

    Raises UndecodableAudio for bytes that are not audio, NoAudio for a file without an audio
    stream, EmptyAudio for one without samples, TruncatedAudio for one that ends before the duration
    that its container states; AudioTooLong, AudioTooLarge or AudioTooCostly as soon as *limits* are
    exceeded; and Withdrawn after `Reservation.withdraw`.
    """
    if not audio.seek(0, io.SEEK_END):
        raise EmptyAudio("The file is empty.", option="audio")
    samples: Samples | None
    try:
        samples = _decoded(audio, limits, reservation)
    except Understated:
        samples = None
    if samples is None:
        # Not within the `except`: its traceback would keep the samples of the first attempt alive.
        reservation.acquire_most()
        samples = _decoded(audio, limits, reservation)
    reservation.shrink(len(samples) / RATE)
    return samples


def _decoded(audio: BinaryIO, limits: AudioLimits, reservation: Reservation) -> Samples:
    samples = wav.read(audio, Budget(limits, reservation))
    return _unpacked(audio, Budget(limits, reservation)) if samples is None else samples


def _unpacked(audio: BinaryIO, budget: Budget) -> Samples:
    unpacked = unpack(audio, budget)
    seconds, lost = unpacked.seconds, unpacked.lost
    if not seconds:
        raise EmptyAudio("The file holds no audio samples.", option="audio")
    if lost > _TOLERANCE:
        raise TruncatedAudio(
            f"The audio is damaged after {seconds:.1f} s; {lost:.1f} s follow.", option="audio"
        )
    if (cut := missing(audio, unpacked, budget)) > _TOLERANCE:
        raise TruncatedAudio(
            f"The audio breaks off after {seconds:.1f} s of {seconds + cut:.1f} s.", option="audio"
        )
    return unpacked.samples
