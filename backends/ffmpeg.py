"""FFmpeg, through PyAV and within bounds: any container → 16-bit mono at 16 kHz, in parts.

Four things that it would do are kept from it. It must not open what a file names (playlists and
session descriptions name local files and hosts). It must not unpack pictures to learn their size.
It must not see an exception of the file's, which PyAV would raise in the thread's next decoding.
And it must not be given frames that differ from the first, which PyAV's fifo copies unchecked.
"""

import errno
import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from msgspec import Struct
from numpy.typing import NDArray

from .budget import Budget
from .failures import AudioTooCostly, NoAudio, UndecodableAudio
from .samples import RATE, Samples

_GROUP = 500_000
"""Samples per resampling step: `faster_whisper.decode_audio`'s, which shifts no sample."""

_GROUP_BYTES = 4 << 20
"""Bytes of a step, of which resampling takes some six times as much: many channels come in smaller
steps, with the same samples."""

_MOST_CHANNELS = 24
"""As 22.2 has: FFmpeg knows how to mix no more of them to one."""

_HIGHEST_RATE = 6_144_000
"""Hz; the filter that resamples from higher rates takes seconds and gigabytes to compute."""

_LENIENT = 19
"""The first PyAV that reads tags which are not UTF-8 without being asked to."""

_VERSION = int(av.__version__.split(".")[0])
_TAGS: dict[str, Any] = {} if _VERSION >= _LENIENT else {"metadata_errors": "ignore"}

_NO_FILES = {"protocol_whitelist": "none"}
_NO_PICTURES = {"max_pixels": "1"}


class Unpacked(Struct, frozen=True, kw_only=True):
    """What came out of a file."""

    samples: Samples
    container: str
    """FFmpeg's name of the format."""
    stated: float | None
    """Seconds of audio as the container states or FFmpeg estimates them."""
    lost: float
    """Seconds that follow the first damaged frame, which ends the decoding."""


def unpack(audio: BinaryIO, budget: Budget) -> Unpacked:
    """Decode the first audio stream of *audio*, whose name is not looked at.

    Raises UndecodableAudio, NoAudio, and what `Budget.reserve` and `Budget.charge` do, as soon as
    they do.
    """
    audio.seek(0)
    source = _Source(audio, budget)
    try:
        with av.open(
            source,
            mode="r",
            options=_NO_PICTURES,
            container_options=_NO_FILES,
            **_TAGS,
        ) as container:
            frames = _Frames(container, _first_stream(container), budget)
            stated = _stated_seconds(container)
            budget.reserve(stated)
            unpacked = Unpacked(
                stated=stated,
                container=container.format.name,
                samples=Samples(_in_turns(_resampled(frames), budget.turn)),
                lost=frames.lost,
            )
    except av.FFmpegError as error:
        source.check()
        raise UndecodableAudio(
            f"The file could not be decoded as audio: {error.strerror}.", option="audio"
        ) from error
    source.check()
    return unpacked


class _Source:
    """A file as FFmpeg may see it: without a name, and at its end once something went wrong."""

    def __init__(self, audio: BinaryIO, budget: Budget) -> None:
        self._audio = audio
        self._budget = budget
        self._failure: Exception | None = None

    def read(self, size: int) -> bytes:
        """Return at most *size* bytes."""
        if self._failure is not None:
            return b""
        try:
            self._budget.check_time()
            return self._audio.read(size)
        except (AudioTooCostly, OSError, ValueError) as failure:  # ValueError: closed meanwhile
            self._failure = failure
            return b""

    def seek(self, offset: int, whence: int) -> int:
        """Return the new position, or EINVAL for none such: damaged files point anywhere."""
        try:
            return self._audio.seek(offset, whence)
        except (OSError, ValueError):
            return -errno.EINVAL

    def tell(self) -> int:
        """Return the position."""
        return self._audio.tell()

    def check(self) -> None:
        """Raise what made the file end early."""
        if self._failure is not None:
            raise self._failure


class _Frames:
    """The decoded frames of one stream, all of one kind, up to the first that is damaged."""

    def __init__(self, container: InputContainer, stream: AudioStream, budget: Budget) -> None:
        self._container = container
        self._stream = stream
        self._budget = budget
        self.lost = 0.0

    def __iter__(self) -> Iterator[AudioFrame]:
        packets = _packets(self._container, self._stream)
        first: _Kind | None = None
        try:
            for frame in itertools.chain.from_iterable(packet.decode() for packet in packets):
                if not frame.samples:
                    continue
                kind = _Kind.of(frame)
                first = first or kind
                _check(kind, first)
                size = frame.samples * kind.channels * frame.format.bytes
                self._budget.charge(samples=frame.samples, rate=kind.rate, size=size)
                yield frame
        except av.error.InvalidDataError:
            # faster-whisper means to skip such a frame, but its iterator has ended with it.
            for packet in packets:
                if packet.duration and packet.time_base:
                    self.lost += float(packet.duration * packet.time_base)


def _packets(container: InputContainer, stream: AudioStream) -> Iterator["Packet[AudioStream]"]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, IndexError):
            # At the end PyAV looks up every stream, also those that it has not noticed appear.
            return
        yield packet


class _Kind(Struct, frozen=True):
    rate: int
    channels: int
    format: str
    planar: bool

    @classmethod
    def of(cls, frame: AudioFrame) -> "_Kind":
        form = frame.format
        return cls(frame.sample_rate, frame.layout.nb_channels, form.name, form.is_planar)


def _check(kind: _Kind, first: _Kind) -> None:
    if not 0 < kind.rate <= _HIGHEST_RATE:
        raise _undecodable(f"The audio has a sampling rate of {kind.rate} Hz.")
    if (kind.rate, kind.format) != (first.rate, first.format):
        raise _undecodable("The audio changes its sampling rate or format.")
    if kind.channels > _MOST_CHANNELS:
        raise _undecodable(f"The audio has {kind.channels} channels.")
    # Of further planes the fifo reads none; missing ones it would read from nowhere.
    if kind.channels < first.channels or (kind.channels > first.channels and not kind.planar):
        raise _undecodable("The audio changes its number of channels.")


def _undecodable(message: str) -> UndecodableAudio:
    return UndecodableAudio(message, option="audio")


def _first_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise NoAudio("The file holds no audio.", option="audio")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise _undecodable("The audio is of a kind that cannot be decoded.")
    return stream


def _stated_seconds(container: InputContainer) -> float | None:
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Matroska states one duration for all its streams: it is the audio's if that is alone.
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _in_turns(
    parts: Iterator[NDArray[np.int16]], turn: AbstractContextManager[object]
) -> Iterator[NDArray[np.int16]]:
    """Yield *parts*, each decoded within *turn*."""
    while True:
        with turn:
            part = next(parts, None)
        if part is None:
            return
        yield part


def _resampled(frames: _Frames) -> Iterator[NDArray[np.int16]]:
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in itertools.chain(_grouped(frames), [None]):  # None flushes
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray().reshape(-1).astype(np.int16, copy=False)


def _grouped(frames: _Frames) -> Iterator[AudioFrame]:
    fifo = av.AudioFifo()
    for frame in frames:
        frame.pts = None  # gaps in the timestamps are not errors here
        fifo.write(frame)
        size = fifo.samples * frame.layout.nb_channels * frame.format.bytes
        if fifo.samples >= _GROUP or size >= _GROUP_BYTES:
            yield from _drained(fifo)
    yield from _drained(fifo)


def _drained(fifo: av.AudioFifo) -> Iterator[AudioFrame]:
    frame = fifo.read()
    if frame is not None:
        yield frame
