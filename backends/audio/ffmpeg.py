"""Decodes any container with FFmpeg, through PyAV, to parts of 16-bit mono at 16 kHz.

`container.py` limits what FFmpeg can do with a file. Here frames that differ from the first are
refused: PyAV's fifo would copy them unchecked.
"""

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from msgspec import Struct
from numpy.typing import NDArray

from backends.failures import UndecodableAudio

from .budget import Budget
from .container import Source, first_stream, opened
from .durations import duration, plausible
from .samples import RATE, Samples
from .timeline import Span, Timeline

_GROUP = 500_000
"""Samples per resampling step, as in `faster_whisper.decode_audio`, so that no sample differs."""

_GROUP_BYTES = 4 << 20
"""Bytes per resampling step, for which the resampler takes some six times as much memory. With many
channels the steps have fewer samples than _GROUP; the result is the same."""

_MOST_CHANNELS = 24
"""Channels of the layout 22.2, the largest that FFmpeg can mix to mono."""

_HIGHEST_RATE = 6_144_000
"""Highest sampling rate, in Hz. Above it, the resampler's filter takes seconds and gigabytes to
compute."""


class Unpacked(Struct, frozen=True, kw_only=True):
    """The decoded audio of a file, and its place in the container's own time."""

    samples: Samples
    seconds: float
    """Length of *samples*."""
    container: str
    """FFmpeg's name of the format."""
    stream: Span
    """Time from the start of the audio stream to the end of its last decoded frame."""
    all_streams: Span
    """Time from the start of the container to the end of the stream that ends last."""
    lost: float
    """Seconds of audio after the first damaged frame, where decoding ends."""


def unpack(audio: BinaryIO, budget: Budget) -> Unpacked:
    """Decode the first audio stream of *audio*, whose file name is ignored.

    Raises UndecodableAudio, NoAudio, EmptyAudio for a file that ends in its header, and what
    `Budget.reserve` and `Budget.charge` raise, as soon as a limit is exceeded.
    """
    audio.seek(0)
    source = Source(audio, budget)
    try:
        with opened(source) as container:
            frames = _Frames(container, first_stream(container), budget)
            _reserve(container, budget)
            samples = Samples(_in_turns(_resampled(frames), budget.turn))
            unpacked = Unpacked(
                samples=samples,
                seconds=len(samples) / RATE,
                container=container.format.name,
                stream=frames.timeline.of_stream(),
                all_streams=frames.timeline.of_container(),
                lost=frames.lost,
            )
    except av.FFmpegError as error:
        source.check()
        raise UndecodableAudio(
            f"The file could not be decoded as audio: {error.strerror}.", option="audio"
        ) from error
    source.check()
    return unpacked


def _reserve(container: InputContainer, budget: Budget) -> None:
    rate = container.streams.audio[0].codec_context.bit_rate or 0
    budget.reserve(plausible(duration(container).seconds, bytes_per_second=rate / 8))


class _Frames:
    """Iterates over the decoded frames of one stream, up to the first damaged frame.

    All have the same rate and format: another raises UndecodableAudio.
    """

    def __init__(self, container: InputContainer, stream: AudioStream, budget: Budget) -> None:
        self._container = container
        self._stream = stream
        self._budget = budget
        self.timeline = Timeline(container, stream)
        self.lost = 0.0

    def __iter__(self) -> Iterator[AudioFrame]:
        packets = self._packets()
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
                self.timeline.decoded(frame)
                yield frame
        except av.error.InvalidDataError:
            # As in faster-whisper, decoding ends here: it tries to skip the damaged frame, but the
            # iterator that raised the error has ended.
            for packet in packets:
                if packet.duration and packet.time_base:
                    self.lost += float(packet.duration * packet.time_base)

    def _packets(self) -> Iterator["Packet[AudioStream]"]:
        """Yield the packets of the stream; add those of other streams to the timeline."""
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets)
            except (StopIteration, IndexError):
                # IndexError: at the end PyAV looks up every stream, even one that appeared late and
                # that it does not know.
                return
            if packet.stream.index == self._stream.index:  # the empty last packet too
                yield cast("Packet[AudioStream]", packet)
            else:
                self.timeline.passed(packet)


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
    # The fifo ignores additional planes, but would read missing ones from invalid memory.
    if kind.channels < first.channels or (kind.channels > first.channels and not kind.planar):
        raise _undecodable("The audio changes its number of channels.")


def _undecodable(message: str) -> UndecodableAudio:
    return UndecodableAudio(message, option="audio")


def _in_turns(
    parts: Iterator[NDArray[np.int16]], turn: AbstractContextManager[object]
) -> Iterator[NDArray[np.int16]]:
    """Yield *parts*, each decoded within the context *turn*."""
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
