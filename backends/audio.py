"""Bytes in any container → 16 kHz mono, the samples that faster-whisper hears."""

import io
import struct
from typing import BinaryIO

from . import wav
from .budget import Budget
from .config import AudioLimits
from .failures import EmptyAudio, TruncatedAudio
from .ffmpeg import Unpacked, unpack
from .memory import Reservation, Understated
from .samples import RATE, Samples

__all__ = ["RATE", "decode"]

_RIFF_HEAD = 8
"""Bytes before what a RIFF file's size counts."""

_UNKNOWN_SIZE = 0x7FFF0000

_TOLERANCE = 0.5
"""Seconds by which a container may overstate its duration before it counts as cut off."""

_BARE = {"aac", "ac3", "dts", "eac3", "loas"}
"""Streams without a container: FFmpeg estimates their duration from the first frames' bit rate."""

_MP3_LENGTHS = (b"Xing", b"Info", b"VBRI")
"""Marks in an MP3's first frame, after which its length is stated; without, it is estimated."""


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
    seconds = len(unpacked.samples) / RATE
    whole = _whole_seconds(audio, unpacked, seconds)
    if whole is not None and seconds < whole - _TOLERANCE:
        raise TruncatedAudio(
            f"The audio breaks off after {seconds:.1f} s of {whole:.1f} s.",
            option="audio",
        )
    if not seconds:
        raise EmptyAudio("The file holds no audio samples.", option="audio")
    return unpacked.samples


def _whole_seconds(audio: BinaryIO, unpacked: Unpacked, seconds: float) -> float | None:
    """Return how long the recording should be, of which *seconds* came out; None if unknown."""
    # FFmpeg goes by the length of a WAV file, whatever its header says.
    if share := _riff_share(audio):
        return seconds / share
    stated = unpacked.stated
    estimated = unpacked.container in _BARE or (
        unpacked.container == "mp3" and not _mp3_states_length(audio)
    )
    if stated is None or estimated:
        return seconds + unpacked.lost
    return stated


def _riff_share(audio: BinaryIO) -> float | None:
    """Return the share that is there of the bytes that a WAV header states.

    None for other containers, and where the writer did not know the length when it began: it then
    leaves 0, or a size near the largest that its 31 or 32 bits hold.
    """
    length: int = audio.seek(0, io.SEEK_END)
    audio.seek(0)
    magic, size = struct.unpack("<4sI", audio.read(_RIFF_HEAD).ljust(_RIFF_HEAD))
    if magic != b"RIFF" or not 0 < size < _UNKNOWN_SIZE:
        return None
    stated: int = size + _RIFF_HEAD
    return min(1.0, length / stated)


def _mp3_states_length(audio: BinaryIO) -> bool:
    """Tell whether the first frame, after an ID3 tag if there is one, states the length."""
    audio.seek(0)
    head = audio.read(10).ljust(10)
    tag = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    audio.seek(10 + tag if head.startswith(b"ID3") else 0)
    frame = audio.read(4096)
    return any(mark in frame for mark in _MP3_LENGTHS)
