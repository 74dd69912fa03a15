"""Recordings made in memory: clips in other containers, tones, noise."""

import io
import struct
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000

CONTAINERS = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "mp3": "libmp3lame",
    "ogg": "libopus",
    "m4a": "aac",
    "webm": "libopus",
}
"""File extensions that OpenAI takes, and the codec that belongs to each."""

_FORMATS = {"m4a": "mp4"}


def speech(clip: Path) -> NDArray[np.int16]:
    """Return the samples of a mono clip at 16 kHz."""
    with av.open(clip) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def tone(seconds: float) -> NDArray[np.int16]:
    """Return a quiet hum of 440 Hz."""
    time = np.arange(int(seconds * RATE)) / RATE
    return (3000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)


def float_wav(samples: NDArray[np.int16]) -> bytes:
    """Return *samples* as a WAV of 32-bit floats, with the chunks that libsndfile writes."""
    data = (samples / np.float32(32768)).astype("<f4").tobytes()
    peak = float(np.abs(samples).max(initial=0)) / 32768
    chunks = {
        b"fmt ": struct.pack("<HHIIHH", 3, 1, RATE, 4 * RATE, 4, 32),
        b"fact": struct.pack("<I", len(samples)),
        b"PEAK": struct.pack("<IIfI", 1, 0, peak, int(np.abs(samples).argmax())),
        b"data": data,
    }
    body = b"".join(name + struct.pack("<I", len(c)) + c for name, c in chunks.items())
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def encoded(samples: NDArray[np.int16], container: str) -> bytes:
    """Return *samples* as a file of that extension."""
    file = io.BytesIO()
    with av.open(file, "w", format=_FORMATS.get(container, container)) as output:
        rate = 48_000 if CONTAINERS[container] == "libopus" else RATE
        stream = output.add_stream(CONTAINERS[container], rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()
