"""Normalizers, which change a text before it is scored; the summary names the one that was used."""

import warnings
from collections.abc import Callable
from typing import Literal

from evals.score.scorers import ERROR_RATES, Scorer

Normalizer = Literal["english", "basic", "none"]


def normalizer(name: Normalizer) -> Callable[[str], str]:
    """Return the normalizer *name*, a function from a text to the text that is compared.

    `english` and `basic` are Whisper's own (Radford et al. 2022, "Robust Speech Recognition via
    Large-Scale Weak Supervision", appendix C), from the package whisper-normalizer. `english`
    spells numbers, contractions and British words one way and drops fillers; `basic` drops case,
    punctuation and marks, which harms scripts that write vowels as marks. `none` changes nothing.
    """
    if name == "none":
        return str
    with warnings.catch_warnings():
        # The package has docstrings with an invalid escape: Python warns when it compiles them.
        warnings.simplefilter("ignore")
        from whisper_normalizer import basic, english  # noqa: PLC0415 - see above; and it is slow
    text = english.EnglishTextNormalizer if name == "english" else basic.BasicTextNormalizer
    normalise: Callable[[str], str] = text()
    return normalise


def default_normalizer(scorer: Scorer, languages: set[str | None]) -> Normalizer:
    """Return the default for *scorer* and the samples' *languages*.

    Error rates and `contains` compare after `english` if no sample states another language, as its
    rules corrupt other languages; else after `basic`. The others compare texts as they are.
    """
    if scorer not in ERROR_RATES and scorer != "contains":
        return "none"
    return "english" if languages <= {None, "en", "english"} else "basic"
