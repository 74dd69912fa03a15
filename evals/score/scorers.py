"""Scores an answer against its target, as a fraction.

An error rate has edits as its numerator, and the size of the target as its denominator: words for
`wer`; characters, inner spaces included, for `cer`. An accuracy has 1 or 0 over 1:

- `exact`: the answer equals the target.
- `contains`: the target's words stand in the answer, one after the other. Words are what white
  space divides. An answer that names several things contains each of them.
- `loglikelihood`: the choice whose loglikelihood is greatest equals the target.
- `loglikelihood-per-character`: the same for the loglikelihood divided by the choice's characters,
  the delimiter not counted. A long choice, which is improbable for its length, loses less.

The last two are `acc` and `acc_norm` of lm-evaluation-harness
(https://github.com/EleutherAI/lm-evaluation-harness). Of equal choices the first wins, as there.

Numerators and denominators are summed over the corpus: the WER of a run is all edits over all
reference words, not the mean of the samples' WERs, where a word of a short sample would weigh more.
NIST's sclite and jiwer (https://jitsi.github.io/jiwer/) do the same.

A target that is empty after normalisation adds its inserted words to the numerator and nothing to
the denominator: words invented in silence count. A corpus of only such targets has no score.
"""

from collections.abc import Callable
from typing import Literal

import jiwer

from evals.result import Answer, Loglikelihood, Tally

Scorer = Literal["wer", "cer", "exact", "contains", "loglikelihood", "loglikelihood-per-character"]
ERROR_RATES: frozenset[Scorer] = frozenset({"wer", "cer"})
"""The scorers whose score is a rate of errors; that of the others is an accuracy."""
OF_CHOICES: frozenset[Scorer] = frozenset({"loglikelihood", "loglikelihood-per-character"})
"""The scorers of questions with choices, and of nothing else."""


def judge(scorer: Scorer, normalise: Callable[[str], str]) -> Callable[[str, Answer], Tally]:
    """Return the function (target, answer) → Tally for *scorer*; outer white space never counts."""
    compare = {"wer": _words, "cer": _characters, "contains": _contains}.get(scorer, _exact)

    def tally(target: str, answer: Answer) -> Tally:
        text = answer.text
        if scorer == "loglikelihood-per-character" and answer.loglikelihoods:
            text = max(answer.loglikelihoods, key=_per_character).choice
        target, text = normalise(target).strip(), normalise(text).strip()
        numerator, denominator = compare(target, text)
        return Tally(numerator=numerator, denominator=denominator, target=target, answer=text)

    return tally


def _per_character(likelihood: Loglikelihood) -> float:
    return likelihood.value / len(likelihood.choice)


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


def _contains(target: str, answer: str) -> tuple[int, int]:
    wanted, found = (f" {' '.join(text.split())} " for text in (target, answer))
    return int(wanted in found), 1
