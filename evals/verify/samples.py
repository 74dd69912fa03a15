"""The requests that are sent: questions, texts, and the recordings of the package."""

from collections.abc import Sequence
from pathlib import Path

import evals

CROWD = 32
"""Other requests in flight while one is compared."""

QUESTIONS = (
    "What is 17 plus 25?",
    'Reverse the word "lamp".',
    "What is the capital of France?",
    "Count from one to ten.",
    "Tell me about the moon.",
    "Name three colours, and say why you like them.",
)
"""Chats that are compared."""

OTHERS = tuple(f"What is {at} plus {3 * at + 2}? Explain." for at in range(CROWD))
"""Chats that are in flight beside them."""

TEXTS = (
    "The quick brown fox jumps over the lazy dog, and the dog does not mind.",
    "Question: What is the capital of France?\nAnswer: Paris",
    "für Ägypten, 東京 and 😀",
    "One, two, three, four, five, six, seven",
)
"""Texts whose tokens are weighed."""

_CLIPS = Path(evals.__file__).parent / "data" / "clips"
_COMPARED = ("en-01", "en-09", "en-20", "en-33", "de-37", "es-41")


def clips() -> tuple[Path, ...]:
    """Return the recordings that are compared: English, German and Spanish, some two seconds."""
    return tuple(next(_CLIPS.glob(f"{name}-*.flac")) for name in _COMPARED)


def two_languages() -> tuple[Path, Path]:
    """Return an English and a German recording."""
    english, german = (next(_CLIPS.glob(f"{name}-*.flac")) for name in ("en-01", "de-37"))
    return english, german


def other_clips() -> Sequence[Path]:
    """Return 32 other recordings."""
    return sorted(set(_CLIPS.glob("*.flac")) - set(clips()))[:CROWD]
