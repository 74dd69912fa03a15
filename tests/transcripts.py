"""faster-whisper without a server, for tests and recipes to compare with."""

from collections.abc import Iterable
from pathlib import Path

from faster_whisper import WhisperModel

from tests.reference import decode_audio


def transcripts(weights: Path, clips: Iterable[Path], *, language: str | None = None) -> list[str]:
    """Return the texts of *clips*, computed one after the other in float32 at temperature 0.

    *language* is a code such as "en"; None: it is detected.
    """
    model = WhisperModel(str(weights), device="cpu", compute_type="float32", cpu_threads=1)
    return [_text(model, clip, language) for clip in clips]


def _text(model: WhisperModel, clip: Path, language: str | None) -> str:
    segments, _ = model.transcribe(decode_audio(str(clip)), language=language, temperature=0)
    return "".join(segment.text for segment in segments).strip()
