"""Bytes in any container → 16 kHz mono, the samples that faster-whisper hears."""

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
"""Seconds by which a container may overstate its duration before it counts as cut off."""


def decode(audio: BinaryIO, limits: AudioLimits, reservation: Reservation) -> Samples:
    """Return the samples of *audio*, of which *reservation* then holds as much as they need.

    The container is told by its content, never by the file's name. The samples are, bit for bit,
    those of `faster_whisper.decode_audio`. Blocks until there is memory, and for the time of
    decoding.

    Raises UndecodableAudio for bytes that are no audio, NoAudio for a file without an audio stream,
    EmptyAudio for one without samples, TruncatedAudio for what breaks off before the duration that
    its container states; AudioTooLong, AudioTooLarge or AudioTooCostly as soon as *limits* are
    exceeded; and Withdrawn once the reservation is.
    """
    if not audio.seek(0, io.SEEK_END):
        raise EmptyAudio("The file is empty.", option="audio")
    samples: Samples | None
    try:
        samples = _decoded(audio, limits, reservation)
    except Understated:
        samples = None
    if samples is None:
        # Outside of the `except`, whose traceback would hold the samples of the first attempt.
        reservation.take_most()
        samples = _decoded(audio, limits, reservation)
    reservation.shrink(len(samples) / RATE)
    return samples


def _decoded(audio: BinaryIO, limits: AudioLimits, reservation: Reservation) -> Samples:
    plain = wav.read(audio, Budget(limits, reservation))
    return _unpacked(audio, Budget(limits, reservation)) if plain is None else plain


def _unpacked(audio: BinaryIO, budget: Budget) -> Samples:
    unpacked = unpack(audio, budget)
    heard, lost = unpacked.seconds, unpacked.lost
    if not heard:
        raise EmptyAudio("The file holds no audio samples.", option="audio")
    if lost > _TOLERANCE:
        raise TruncatedAudio(
            f"The audio is damaged after {heard:.1f} s; {lost:.1f} s follow.", option="audio"
        )
    if (short := missing(audio, unpacked, budget)) > _TOLERANCE:
        raise TruncatedAudio(
            f"The audio breaks off after {heard:.1f} s of {heard + short:.1f} s.", option="audio"
        )
    return unpacked.samples
