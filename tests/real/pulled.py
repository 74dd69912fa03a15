"""Which real models and recordings the tests need, and where `shim pull` keeps them."""

import json
from functools import cache
from pathlib import Path

import msgspec

from backends.catalogue.cache import Cache
from backends.catalogue.entries import selected
from backends.catalogue.pull import is_whole

NAMES = ("small", "whisper-base", "recordings")
"""What `shim pull` has to fetch, as in the Makefile."""

_CACHE = Cache.default()
_PATHS = {entry.name: _CACHE.path(entry) for entry in selected(NAMES)}

TINY = _PATHS["whisper-tiny.en"]
BASE = _PATHS["whisper-base"]
SMOLLM = _PATHS["smollm2-135m-instruct"]
MINILM = _PATHS["all-minilm-l6-v2"]
RECORDINGS = _PATHS["recordings"]


def missing() -> list[str]:
    """Return the names of what has not been pulled."""
    return [entry.name for entry in selected(NAMES) if not is_whole(_CACHE, entry)]


class Clip(msgspec.Struct, frozen=True):
    """A recording of real speech, and what is said."""

    id: str
    audio: str
    target: str

    @property
    def path(self) -> Path:
        """Its file, mono at 16 kHz."""
        return RECORDINGS / self.audio


@cache
def clips() -> list[Clip]:
    """Return all recordings."""
    lines = (RECORDINGS / "recordings.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Clip) for line in lines]


Word = tuple[str, float, float]
"""A word in small letters, and the seconds at which it starts and ends."""


def aligned(clip: Clip) -> list[Word]:
    """Return a clip's words as pocketsphinx has aligned them; [] for one without an alignment."""
    file = clip.path.with_suffix(".json")
    if not file.exists():
        return []
    words = json.loads(file.read_text())["w"]
    # `<sil>` is silence; `the(2)` is the second pronunciation of a word.
    return [
        (word["t"].partition("(")[0], word["b"], word["b"] + word["d"])
        for word in words
        if not word["t"].startswith("<")
    ]
