"""Recordings of any length, made of the bundled clips, and the form that carries them."""

import io
import random
import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
CLIPS = Path(__file__).parents[2] / "evals" / "data" / "clips"
BOUNDARY = "2c9ab5d07ef1"

Samples = NDArray[np.int16]


def read(folder: Path, prefix: str = "") -> list[Samples]:
    """Return the WAV and FLAC files of *folder* whose names begin with *prefix*.

    They have to be mono, at 16 kHz.
    """
    paths = sorted(folder.glob(f"{prefix}*"))
    return [_samples(path) for path in paths if path.suffix in (".wav", ".flac")]


def spoken(seconds: float, draw: random.Random) -> Samples:
    """Return so much speech, a pause of a quarter of a second after each clip."""
    parts, length, pause = [], 0, np.zeros(RATE // 4, np.int16)
    choices = read(CLIPS, "en-")
    while length < seconds * RATE:
        parts += [draw.choice(choices), pause]
        length += len(parts[-2]) + len(pause)
    return np.concatenate(parts)[: int(seconds * RATE)]


def wav(samples: Samples) -> bytes:
    """Return *samples* as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(RATE)
        output.writeframes(samples.tobytes())
    return file.getvalue()


def form(file: bytes, **fields: str) -> tuple[dict[str, str], bytes]:
    """Return the header and the body of a multipart request."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()
    return {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}, body


def _samples(path: Path) -> Samples:
    with av.open(path) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
