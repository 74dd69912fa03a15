"""What is done to a text before it is scored; every one is named in the summary."""

import warnings
from collections.abc import Callable
from typing import Literal

Normalizer = Literal["english", "basic", "none"]


def normalizer(name: Normalizer) -> Callable[[str], str]:
    """Return the function called *name*.

    `english` and `basic` are Whisper's own (Radford et al. 2022, "Robust Speech Recognition via
    Large-Scale Weak Supervision", appendix C), from the package whisper-normalizer. `english`
    spells numbers, contractions and British words one way and drops fillers; `basic` drops case,
    punctuation and marks, which harms scripts that write vowels as marks. `none` leaves the text.
    """
    if name == "none":
        return str
    with warnings.catch_warnings():
        # Its docstrings hold an invalid escape, which a fresh environment compiles under our eyes.
        warnings.simplefilter("ignore")
        from whisper_normalizer import basic, english  # noqa: PLC0415 - see above; and it is slow
    text = english.EnglishTextNormalizer if name == "english" else basic.BasicTextNormalizer
    normalise: Callable[[str], str] = text()
    return normalise


def default_normalizer(scorer: str, languages: set[str | None]) -> Normalizer:
    """Choose for *scorer* and the languages of the samples: `none` for exact match, else Whisper's.

    English only where nothing else is said: its rules corrupt other languages.
    """
    if scorer == "exact":
        return "none"
    return "english" if languages <= {None, "en", "english"} else "basic"
