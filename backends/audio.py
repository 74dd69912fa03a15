"""Bytes in any container → 16 kHz mono float32, the samples that faster-whisper hears."""

import io
import itertools
import struct
from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray

from .base import AudioTooLong, UndecodableAudio

RATE = 16_000
"""Samples per second, as Whisper was trained."""

_GROUP = 500_000
"""Samples per resampling step: `faster_whisper.decode_audio`'s, which shifts no sample."""

_RIFF_HEAD = 8
"""Bytes before what a RIFF file's size counts."""

_UNKNOWN_SIZE = 0x7FFF0000

_TOLERANCE = 0.5
"""Seconds by which a container may overstate its duration before it counts as cut off."""


def decode(audio: BinaryIO, *, max_seconds: float) -> NDArray[np.float32]:
    """Return *audio* as a float32 array of shape (samples,) in [-1, 1] at 16 kHz.

    The container is told by its content. Blocks for the time of decoding.

    Raises UndecodableAudio for bytes that are no audio, hold none, or break off before the
    duration that their container states; AudioTooLong as soon as more than *max_seconds* came out.
    """
    audio.seek(0)
    try:
        with av.open(audio, mode="r", metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise _undecodable("The file holds no audio.")
            stated = _stated_seconds(container)
            samples = _collect(_resampled(container), limit=int(max_seconds * RATE))
    except av.FFmpegError as error:
        raise _undecodable(f"The file could not be decoded as audio: {error.strerror}.") from error
    seconds = len(samples) / RATE
    if not len(samples):
        raise _undecodable("The file holds no audio samples.")
    # FFmpeg goes by the length of a WAV file, whatever its header says.
    stated = stated if (share := _riff_share(audio)) is None else seconds / share
    if stated is not None and seconds < stated - _TOLERANCE:
        raise _undecodable(
            f"The audio breaks off after {seconds:.1f} s of the {stated:.1f} s that it states."
        )
    return samples.astype(np.float32) / 32768.0


def _undecodable(message: str) -> UndecodableAudio:
    return UndecodableAudio(message, option="audio")


def _stated_seconds(container: InputContainer) -> float | None:
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Matroska states one duration for all its streams: it is the audio's if that is alone.
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


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


def _collect(chunks: Iterator[NDArray[np.int16]], *, limit: int) -> NDArray[np.int16]:
    parts: list[NDArray[np.int16]] = []
    total = 0
    for chunk in chunks:
        parts.append(chunk)
        total += len(chunk)
        if total > limit:
            raise AudioTooLong(
                f"The audio is longer than the {limit / RATE:g} s that are allowed.",
                option="audio",
            )
    return np.concatenate(parts) if parts else np.empty(0, np.int16)


def _resampled(container: InputContainer) -> Iterator[NDArray[np.int16]]:
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in itertools.chain(_grouped(_valid(container)), [None]):  # None flushes
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray().reshape(-1).astype(np.int16, copy=False)


def _valid(container: InputContainer) -> Iterator[AudioFrame]:
    """Skip damaged frames, as faster-whisper does; what they lose shows in the duration."""
    frames = iter(container.decode(audio=0))
    while True:
        try:
            yield next(frames)
        except StopIteration:
            return
        except av.error.InvalidDataError:
            continue


def _grouped(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    fifo = av.AudioFifo()
    for frame in frames:
        frame.pts = None  # gaps in the timestamps are not errors here
        fifo.write(frame)
        if fifo.samples >= _GROUP:
            yield from _drained(fifo)
    yield from _drained(fifo)


def _drained(fifo: av.AudioFifo) -> Iterator[AudioFrame]:
    frame = fifo.read()
    if frame is not None:
        yield frame
