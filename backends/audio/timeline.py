"""Records where a recording ends in its container's own time, which may have gaps or begin late."""

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from msgspec import Struct


class Span(Struct, frozen=True):
    """A range of time, in seconds."""

    start: float
    end: float


class Timeline:
    """The end of the last decoded frame of one stream, and of the last packet of every other."""

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self._last: tuple[int, int, int] | None = None
        self._ends: dict[int, int] = {}

    def passed(self, packet: "Packet[Stream]") -> None:
        """Record a packet of another stream."""
        if packet.pts is not None:
            end = packet.pts + (packet.duration or 0)
            index = packet.stream.index
            self._ends[index] = max(end, self._ends.get(index, end))

    def decoded(self, frame: AudioFrame) -> None:
        """Record a decoded frame of the stream."""
        if frame.pts is not None and (self._last is None or frame.pts >= self._last[0]):
            self._last = frame.pts, frame.samples, frame.sample_rate

    def of_stream(self) -> Span:
        """Return the time from the stream's start to its last frame's end; an unknown end is 0."""
        unit = float(self._stream.time_base or 0)
        pts, samples, rate = self._last or (0, 0, 1)
        return Span((self._stream.start_time or 0) * unit, pts * unit + samples / rate)

    def of_container(self) -> Span:
        """Return the time from the container's start to the end of the stream that ends last."""
        streams = self._container.streams
        ends = [end * float(streams[index].time_base or 0) for index, end in self._ends.items()]
        start = (self._container.start_time or 0) / av.time_base
        return Span(start, max(self.of_stream().end, *ends, 0.0))
