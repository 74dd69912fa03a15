"""Transcribes in this process with faster-whisper, with the options that the server states."""

from pathlib import Path
from typing import Any

import msgspec

from evals.verify.answers import Answer, of_transcription
from evals.verify.shapes import Segment, Transcription
from evals.verify.weights import Weights

_NOT_ARGUMENTS = ("languages",)
"""Entries of Shim's manifest that are not arguments of `WhisperModel.transcribe`."""
GREEDY = {"temperature": [0.0]}
"""The options for a server that does not state its own; all others are faster-whisper's."""


class Speech:
    """A loaded WhisperModel, on the CPU."""

    def __init__(self, weights: Weights, manifest: dict[str, Any]) -> None:
        """Load *weights* in the compute type that they, else the server's *manifest*, name.

        Raises ImportError without faster-whisper, and what it raises for other files.
        """
        from faster_whisper import WhisperModel  # noqa: PLC0415 - heavy, and not every run needs it

        self._model = WhisperModel(
            str(weights.folder),
            device="cpu",
            compute_type=weights.compute_type or manifest.get("compute_type", "default"),
        )

    def transcribe(self, clip: Path, options: dict[str, Any]) -> Answer:
        """Return what faster-whisper makes of *clip* with *options*, arguments of `transcribe`."""
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - as above

        # Several threads round the spectrogram's last bit otherwise, as Shim knows too.
        with ThreadpoolController().select(internal_api="openblas").limit(limits=1):
            found, _ = self._model.transcribe(str(clip), **options)
            segments = [msgspec.convert(part, Segment, from_attributes=True) for part in found]
        text = "".join(segment.text for segment in segments).strip()
        return of_transcription(Transcription(text=text, segments=segments))


def options(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `transcribe` that *manifest* states; for {} greedy defaults."""
    stated = manifest.get("transcribe")
    if not isinstance(stated, dict):
        return dict(GREEDY)
    return {name: value for name, value in stated.items() if name not in _NOT_ARGUMENTS}
