"""Recordings for the tests: bundled clips, and whatever the fake engine takes for one."""

import io
from collections.abc import AsyncGenerator
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from backends.audio.decode import decode
from backends.audio.memory import AudioMemory, Reservation
from backends.audio.samples import RATE, SAMPLE_BYTES
from backends.base import Job, Segment, SpeechBackend, TranscriptInfo
from backends.config import AudioLimits
from backends.fake import FakeSpeech
from tests.live import CLIPS


@cache
def clips() -> list[Path]:
    """Return the bundled clips, always in the same order."""
    return sorted(CLIPS.glob("*.flac"))


def recording(backend: SpeechBackend) -> BinaryIO:
    """Return something that *backend* can hear."""
    if isinstance(backend, FakeSpeech):
        return io.BytesIO(b"turn on the light\nand the lamp")
    return io.BytesIO(clips()[0].read_bytes())


def reserved(limits: AudioLimits) -> Reservation:
    """Return a reservation in a memory that nobody else uses."""
    return AudioMemory().reservation(
        bytes_per_second=RATE * SAMPLE_BYTES, longest=limits.max_audio_seconds
    )


def floats(audio: BinaryIO, limits: AudioLimits) -> NDArray[np.float32]:
    """Return the samples of *audio* as faster-whisper has them."""
    samples = decode(audio, limits, reserved(limits))
    return samples.floats(0, len(samples))


def transcript(
    backend: SpeechBackend, audio: BinaryIO, job: Job
) -> AsyncGenerator[TranscriptInfo | Segment, None]:
    """Prepare *job* and return its transcription of *audio*, not yet begun."""
    return backend.transcribe(audio, backend.prepare(job))
