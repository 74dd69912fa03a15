"""Recordings in any container, codec, rate and layout, encoded in memory."""

import io
import struct
import zlib
from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

FLOAT, PCM, EXTENSIBLE = 3, 1, 0xFFFE
"""WAV's format tags."""

_EXPERIMENTAL = {"strict": "experimental"}
"""FFmpeg's own encoder of Vorbis."""


def noise(seconds: float, *, rate: int = 16_000, channels: int = 1) -> NDArray[np.int16]:
    """Return a hum in noise, the same in every run, of shape (samples, channels)."""
    time = np.arange(int(seconds * rate))[:, None] / rate
    hum = 8000 * np.sin(2 * np.pi * (300 + 50 * np.arange(channels)) * time)
    return (hum + np.random.default_rng(1).normal(0, 500, hum.shape)).astype(np.int16)


def as_format(container: str, codec: str, *, rate: int, layout: str, seconds: float = 1.0) -> bytes:
    """Return noise in FFmpeg's *container* and *codec*."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout, options=_EXPERIMENTAL)
        frame = _frame(seconds, rate=rate, layout=layout)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def movie(container: str, video: str, audio: str | None) -> bytes:
    """Return a second of moving picture, whose stream comes first, with stereo sound or none."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        picture = output.add_stream(video, rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = None if audio is None else output.add_stream(audio, rate=48_000, layout="stereo")
        for _ in range(25):
            output.mux(picture.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(picture.encode(None))
        if sound is not None:
            output.mux(sound.encode(_frame(1, rate=48_000, layout="stereo")))
            output.mux(sound.encode(None))
    return file.getvalue()


def frames_of(samples: NDArray[np.int16], *, rate: int) -> Iterator[av.AudioFrame]:
    """Yield mono *samples* in frames of a tenth of a second, stamped from 0 on."""
    size = rate // 10
    for start in range(0, len(samples), size):
        part = samples[start : start + size].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate = rate
        frame.pts = start
        yield frame


def _frame(seconds: float, *, rate: int, layout: str) -> av.AudioFrame:
    samples = noise(seconds, rate=rate, channels=av.AudioLayout(layout).nb_channels)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate = rate
    return frame


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def wav_format(tag: int, bits: int, *, rate: int = 16_000, channels: int = 1) -> bytes:
    """Return a `fmt ` chunk of the short form."""
    align = channels * bits // 8
    fields = tag, channels, rate, rate * align, align, bits
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields))


def extensible(tag: int, bits: int, *, speaker: int) -> bytes:
    """Return a `fmt ` chunk of the long form, mono at 16 kHz, for a *speaker* of WAV's mask."""
    fields = EXTENSIBLE, 1, 16_000, 16_000 * bits // 8, bits // 8, bits, 22, bits, speaker, tag
    guid = bytes.fromhex("000000001000800000aa00389b71")
    return chunk(b"fmt ", struct.pack("<HHIIHHHHIH", *fields) + guid)


def png(width: int, height: int) -> bytes:
    """Return a black picture, of few bytes."""
    rows = zlib.compress(bytes(width * 3 + 1) * height, 1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
        for name, part in parts
    )


def wav(*chunks: bytes) -> bytes:
    """Return a WAV file of *chunks*."""
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks))
