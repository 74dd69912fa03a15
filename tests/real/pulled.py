"""Where `shim pull` keeps real models and recordings, and what the tests need of them."""

import json
import os
from functools import cache
from pathlib import Path

import msgspec

CACHE = Path(os.environ.get("SHIM_CACHE") or Path.home() / ".cache" / "shim")
MODELS = CACHE / "models"
RECORDINGS = CACHE / "recordings"

TINY = MODELS / "whisper-tiny.en"
BASE = MODELS / "whisper-base"
SMOLLM = MODELS / "smollm2-135m-instruct"
MINILM = MODELS / "all-minilm-l6-v2"

NEEDED = (
    TINY / "model.bin",
    BASE / "model.bin",
    SMOLLM / "ct2-float32" / "model.bin",
    SMOLLM / "hf" / "model.safetensors",
    MINILM / "model.safetensors",
    RECORDINGS / "recordings.jsonl",
    RECORDINGS / "word-times.jsonl",
)


class Clip(msgspec.Struct, frozen=True):
    """A recording of real speech, and what is said."""

    id: str
    audio: str
    target: str
    language: str

    @property
    def path(self) -> Path:
        """Its file, mono at 16 kHz."""
        return RECORDINGS / self.audio


@cache
def clips() -> list[Clip]:
    """Return all recordings, by their ids."""
    lines = (RECORDINGS / "recordings.jsonl").read_bytes().splitlines()
    return sorted((msgspec.json.decode(line, type=Clip) for line in lines), key=lambda c: c.id)


def word_times() -> dict[str, list[tuple[str, float, float]]]:
    """Return each word with its start and end in s, by clip, as pocketsphinx's package has them."""
    lines = map(json.loads, (RECORDINGS / "word-times.jsonl").read_text().splitlines())
    return {
        line["id"]: [(word["word"], word["start"], word["end"]) for word in line["words"]]
        for line in lines
    }
