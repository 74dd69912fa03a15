"""The recordings that fidelity is tried on: bundled clips, and long ones made of them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.client.recordings import RATE, encoded, speech, tone
from tests.live import CLIPS

ENGLISH, OTHER_VOICE = "en-01-espeak-en-us-f4", "en-04-flite-rms"
GERMAN, SPANISH = "de-38-espeak-de-gustave", "es-41-espeak-es-mario"


@cache
def recording(name: str) -> bytes:
    """Return a clip by its name, or a made recording as WAV."""
    if name not in _MADE:
        return (CLIPS / f"{name}.flac").read_bytes()
    return encoded(_MADE[name](), "wav")


def _clips(language: str, count: int) -> list[NDArray[np.int16]]:
    return [speech(clip) for clip in sorted(CLIPS.glob(f"{language}-*.flac"))[:count]]


def _joined(parts: list[NDArray[np.int16]], pause: float) -> NDArray[np.int16]:
    gap = np.zeros(int(pause * RATE), np.int16)
    return np.concatenate([piece for part in parts for piece in (part, gap)])


def _noise() -> NDArray[np.int16]:
    return np.random.default_rng(5).normal(0, 2000, 4 * RATE).astype(np.int16)


_MADE = {
    "long": lambda: _joined(_clips("en", 24), 0.4),
    "pauses": lambda: _joined(_clips("en", 4), 4.0),
    "mixed": lambda: _joined([*_clips("de", 4), *_clips("en", 12), *_clips("es", 4)], 1.0),
    "silence": lambda: np.zeros(3 * RATE, np.int16),
    "blip": lambda: np.zeros(40, np.int16),
    "noise": _noise,
    "tone": lambda: tone(35),
}
