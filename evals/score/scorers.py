"""Scores an answer against its target, as a fraction: word errors, character errors, exact match.

Numerators and denominators are summed over the corpus: the WER of a run is all edits over all
reference words, not the mean of the samples' WERs, where a word of a short sample would weigh more.
NIST's sclite and jiwer (https://jitsi.github.io/jiwer/) do the same.

A target that is empty after normalisation adds its inserted words to the numerator and nothing to
the denominator: words invented in silence count. A corpus of only such targets has no score.
"""

from collections.abc import Callable
from typing import Literal

import jiwer
import msgspec

Scorer = Literal["wer", "cer", "exact"]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One sample's part of the score, and the two texts as they were compared.

    `wer`: edits / words of the target. `cer`: edits / characters of the target, inner spaces
    included. `exact`: 1 or 0 / 1.
    """

    numerator: int
    denominator: int
    target: str
    answer: str


def judge(scorer: Scorer, normalise: Callable[[str], str]) -> Callable[[str, str], Tally]:
    """Return the function (target, answer) → Tally for *scorer*; outer white space never counts."""
    compare = {"wer": _words, "cer": _characters, "exact": _exact}[scorer]

    def tally(target: str, answer: str) -> Tally:
        target, answer = normalise(target).strip(), normalise(answer).strip()
        numerator, denominator = compare(target, answer)
        return Tally(numerator=numerator, denominator=denominator, target=target, answer=answer)

    return tally


def _words(target: str, answer: str) -> tuple[int, int]:
    edits = jiwer.process_words(target, answer)
    target_words = edits.hits + edits.substitutions + edits.deletions
    return edits.substitutions + edits.deletions + edits.insertions, target_words


def _characters(target: str, answer: str) -> tuple[int, int]:
    edits = jiwer.process_characters(target, answer)
    target_characters = edits.hits + edits.substitutions + edits.deletions
    return edits.substitutions + edits.deletions + edits.insertions, target_characters


def _exact(target: str, answer: str) -> tuple[int, int]:
    return int(target == answer), 1
