"""faster-whisper as its users call it offline, on the models that the servers have."""

import io
from functools import cache
from typing import Any

from faster_whisper import WhisperModel

from backends.whisper.features import one_thread_each
from tests.fidelity.transcripts import Transcript
from tests.real.pulled import MODELS
from tests.reference import decode_audio


def transcript(model: str, audio: bytes, **options: Any) -> Transcript:
    """Return what *model* hears in *audio*."""
    # A thread for NumPy too: the last bit of a spectrogram depends on their number.
    with one_thread_each():
        segments, info = _loaded(model).transcribe(decode_audio(io.BytesIO(audio)), **options)
        return list(segments), info


@cache
def _loaded(model: str) -> WhisperModel:
    return WhisperModel(str(MODELS / model), device="cpu", compute_type="float32", cpu_threads=1)
