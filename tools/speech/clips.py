"""A labelled clip of speech, and the file format that a set of clips is kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000


@dataclass(frozen=True)
class Clip:
    """One utterance: 16 kHz mono, 16 bits, and what is said in it."""

    audio: npt.NDArray[np.int16]
    text: str
    language: str
    engine: str
    voice: str
    starts: list[float] | None
    """Where each word starts, in seconds, where the synthesiser tells."""

    @property
    def seconds(self) -> float:
        """Return the duration."""
        return len(self.audio) / RATE

    def samples(self) -> npt.NDArray[np.float32]:
        """Return the audio as numbers between -1 and 1."""
        return self.audio.astype(np.float32) / 32767


def save(path: Path, clips: list[Clip]) -> None:
    """Write *clips* as one .npz: the audio end to end, the rest as a line of JSON each."""
    lines = [json.dumps({k: v for k, v in _row(clip).items() if k != "audio"}) for clip in clips]
    lengths = np.array([len(clip.audio) for clip in clips])
    audio = np.concatenate([clip.audio for clip in clips])
    np.savez(path, audio=audio, lengths=lengths, rows=np.array("\n".join(lines)))


def load(path: Path) -> list[Clip]:
    """Read what `save` wrote."""
    with np.load(path) as stored:
        audio = stored["audio"]
        ends = np.cumsum(stored["lengths"])
        rows = str(stored["rows"]).split("\n")
    parts = np.split(audio, ends[:-1])
    return [Clip(audio=part, **json.loads(row)) for part, row in zip(parts, rows, strict=True)]


def reserved(paths: Iterable[Path]) -> set[str]:
    """Return the sentences of three and more words of test sets: training must not draw them."""
    return {clip.text for path in paths for clip in load(path) if len(clip.text.split()) > 2}


def _row(clip: Clip) -> dict[str, object]:
    return {field: getattr(clip, field) for field in asdict(clip)}
