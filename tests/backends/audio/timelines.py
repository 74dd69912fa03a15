"""Makes recordings with gaps in their time, and recordings of writers that knew no length."""

import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from tests.backends.encoders import frames_of, noise

Shift = Callable[[float], float]
"""How many seconds later a packet is stamped, by the second at which it was encoded."""


def written(
    container: str,
    codec: str,
    samples: NDArray[np.int16] | None = None,
    *,
    seconds: float = 8,
    rate: int = 48_000,
    shift: Shift = lambda _: 0,
    options: dict[str, str] | None = None,
    picture: float = 0,
    other: float = 0,
) -> bytes:
    """Return mono *samples*, else *seconds* of noise, from a muxer that could seek.

    The file also has *picture* seconds of video, and *other* seconds of a second audio stream.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recording")
        with av.open(path, "w", format=container, options=options) as output:
            if samples is None:
                samples = noise(seconds, rate=rate)[:, 0]
            packets = list(_sound(output, codec, samples, rate))
            if other:
                packets += _sound(output, codec, noise(other, rate=rate)[:, 0], rate)
            if picture:
                packets += _picture(output, picture)
            for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
                moved = round(shift(float(packet.pts * packet.time_base)) / packet.time_base)
                packet.pts += moved
                packet.dts += moved
                output.mux(packet)
        return path.read_bytes()


def piped(container: str, codec: str, samples: NDArray[np.int16] | None = None) -> bytes:
    """Return mono *samples* at 48 kHz, else 8 s of noise, in a file without a duration.

    Its muxer could not seek back to write one into the header.
    """
    samples = noise(8, rate=48_000)[:, 0] if samples is None else samples
    pipe = Pipe()
    options = {"write_xing": "0"} if container == "mp3" else {}
    with av.open(pipe, "w", format=container, options=options) as output:
        for packet in _sound(output, codec, samples, 48_000):
            output.mux(packet)
    return bytes(pipe.content)


class Pipe:
    """A file that cannot seek."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, content: bytes) -> int:
        """Append *content*."""
        self.content += content
        return len(content)


def _sound(output: Any, codec: str, samples: NDArray[np.int16], rate: int) -> Iterator[Packet]:
    """Add a stream of mono *samples* and yield its packets for the muxer."""
    stream = output.add_stream(codec, rate=rate, layout="mono", bit_rate=64_000)
    for frame in [*frames_of(samples, rate=rate), None]:
        yield from stream.encode(frame)


def _picture(output: Any, seconds: float) -> Iterator[Packet]:
    stream = output.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for frame in [av.VideoFrame(64, 48, "yuv420p") for _ in range(int(seconds * 25))] + [None]:
        yield from stream.encode(frame)


def late(seconds: float) -> Shift:
    """Return the shift of a recording that begins late."""
    return lambda _: seconds


def gap(seconds: float, *, after: float = 4) -> Shift:
    """Return the shift of a recording that jumps by *seconds* *after* some seconds."""
    return lambda at: seconds if at > after else 0


# ── pieces ────────────────────────────────────────────────────────────────────


def segments(fragmented: bytes) -> list[bytes]:
    """Return an MP4's header, then each of its fragments with the boxes before it."""
    parts = [b""]
    at = 0
    while at < len(fragmented):
        size, kind = struct.unpack_from(">I4s", fragmented, at)
        parts[-1] += fragmented[at : at + size]
        if kind in {b"moov", b"mdat"}:
            parts.append(b"")
        at += size
    return parts[:-1]


def patched(content: bytes, mark: bytes, offset: int, layout: str, value: Any) -> bytes:
    """Return *content* with *value*, packed by `struct`, *offset* bytes after *mark*'s start."""
    changed = bytearray(content)
    struct.pack_into(layout, changed, content.index(mark) + offset, value)
    return bytes(changed)


def amr(*modes: int) -> bytes:
    """Return AMR-NB whose frames, 20 ms each, have these *modes* of compression."""
    sizes = [12, 13, 15, 17, 19, 20, 26, 31]
    frames = (bytes([mode << 3 | 4]) + bytes(sizes[mode]) for mode in modes)
    return b"#!AMR\n" + b"".join(frames)


def aiff(samples: bytes, bits: int, *, rate: int, channels: int) -> bytes:
    """Return *samples* as `sox … -t aiff -` writes them into a pipe: as if they were 2 GiB."""
    frames = 0x7F000000 // (bits // 8 * channels)
    exponent = rate.bit_length() - 1
    as_float = struct.pack(">HQ", 16_383 + exponent, rate << (63 - exponent))  # 80 bits
    common = struct.pack(">4sIHIH", b"COMM", 18, channels, frames, bits) + as_float
    sound = struct.pack(">4sIII", b"SSND", 0x7F000008, 0, 0) + samples
    return struct.pack(">4sI4s", b"FORM", 0x7F00002E, b"AIFF") + common + sound
