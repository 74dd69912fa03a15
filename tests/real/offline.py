"""faster-whisper as its users call it offline, on the models that the servers have."""

import io
from functools import cache
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel

from backends.whisper.features import one_thread_each
from tests.fidelity.transcripts import Transcript
from tests.reference import decode_audio


def transcript(model: Path, audio: bytes, **options: Any) -> Transcript:
    """Return what the *model* of that folder hears in *audio*."""
    # A thread for NumPy too: the last bit of a spectrogram depends on their number.
    with one_thread_each():
        segments, info = _loaded(model).transcribe(decode_audio(io.BytesIO(audio)), **options)
        return list(segments), info


@cache
def _loaded(model: Path) -> WhisperModel:
    return WhisperModel(str(model), device="cpu", compute_type="float32", cpu_threads=1)
