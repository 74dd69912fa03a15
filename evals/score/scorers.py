"""Scores an answer against its target, as a fraction.

An error rate has edits as its numerator, and the size of the target as its denominator: words for
`wer`; characters, inner spaces included, for `cer`. An accuracy has 1 or 0 over 1:

- `exact`: the answer equals the target.
- `contains`: the target's words occur in the answer, one after the other. Words are what white
  space divides. An answer that names several things contains each of them.
- `regex`: the target, a regular expression, occurs in the answer.
- `number`: the last number in the answer equals the last one in the target (`evals.score.figures`).
- `tool`: the answer is the call of a tool that the target is (`evals.score.tool_calls`).
- `loglikelihood`: the choice whose loglikelihood is greatest equals the target.
- `loglikelihood-per-character`: the same for the loglikelihood divided by the choice's characters,
  the delimiter not counted. A long choice, which is improbable for its length, loses less.

These two are `acc` and `acc_norm` of lm-evaluation-harness
(https://github.com/EleutherAI/lm-evaluation-harness). Of equal choices the first wins, as there.

`module:function` is a scorer of the user's own (`evals.score.own`).

Numerators and denominators are summed over the corpus: the WER of a run is all edits over all
reference words, not the mean of the samples' WERs, where a word of a short sample would weigh more.
NIST's sclite and jiwer (https://jitsi.github.io/jiwer/) do the same.

A target that is empty after normalisation adds its inserted words to the numerator and nothing to
the denominator: words invented in silence count. A corpus of only such targets has no score.
"""

from collections.abc import Callable
from typing import Literal, get_args

from evals.dataset import Sample
from evals.result import Answer, Loglikelihood, Tally
from evals.score import edits, figures, patterns, tool_calls
from evals.score.own import load_scorer

BuiltIn = Literal[
    "wer",
    "cer",
    "exact",
    "contains",
    "regex",
    "number",
    "tool",
    "loglikelihood",
    "loglikelihood-per-character",
]
Scorer = BuiltIn | str
"""A built-in scorer, or `module:function`."""
BUILT_IN: tuple[BuiltIn, ...] = get_args(BuiltIn)
ERROR_RATES: frozenset[Scorer] = frozenset({"wer", "cer"})
"""The scorers whose score is a rate of errors; that of the others is better if it is higher."""
OF_CHOICES: frozenset[Scorer] = frozenset({"loglikelihood", "loglikelihood-per-character"})
"""The scorers of questions with choices, and of nothing else."""
OF_TOOLS: frozenset[Scorer] = frozenset({"tool"})
"""The scorers of calls of tools, and of nothing else."""


def is_own(scorer: Scorer) -> bool:
    """Return whether *scorer* is one of the user's own."""
    return ":" in scorer


def sha256(scorer: Scorer) -> str | None:
    """Return the SHA-256, in hex, of the file of a scorer of the user's own; else None."""
    return load_scorer(scorer).sha256 if is_own(scorer) else None


def check(scorer: Scorer | None) -> Callable[[str], None]:
    """Return a function that raises ValueError for a target that *scorer* cannot compare with."""
    checks: dict[Scorer | None, Callable[[str], None]] = {
        "regex": patterns.check,
        "number": _check_number,
    }
    return checks.get(scorer, lambda _: None)


def judge(scorer: Scorer, normalise: Callable[[str], str]) -> Callable[[Sample, Answer], Tally]:
    """Return the function (sample, answer) → Tally for *scorer*.

    Outer white space does not count, but for a scorer of the user's own. *normalise* changes the
    answer and, if it is a text, the target. The function raises ScorerFailed where a scorer of the
    user's own does, and NotScored if a search takes too long.
    """
    if is_own(scorer):
        own = load_scorer(scorer)
        return lambda sample, answer: own.tally(sample, answer, normalise)
    if scorer == "tool":
        return lambda sample, answer: tool_calls.tally(sample.target, answer)
    compare = _COMPARISONS.get(scorer, _exact)

    def tally(sample: Sample, answer: Answer) -> Tally:
        text = normalise(_picked(scorer, answer)).strip()
        is_text = scorer != "regex"
        return compare(normalise(sample.target).strip() if is_text else sample.target, text)

    return tally


def _picked(scorer: Scorer, answer: Answer) -> str:
    if scorer == "loglikelihood-per-character" and answer.loglikelihoods:
        return max(answer.loglikelihoods, key=_per_character).choice
    return answer.text


def _per_character(likelihood: Loglikelihood) -> float:
    return likelihood.value / len(likelihood.choice)


def _words(target: str, answer: str) -> Tally:
    return _error_rate(edits.in_words(target, answer), target, answer)


def _characters(target: str, answer: str) -> Tally:
    return _error_rate(edits.in_characters(target, answer), target, answer)


def _error_rate(found: edits.Edits, target: str, answer: str) -> Tally:
    return Tally(
        numerator=found.total,
        denominator=found.size,
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
        target=target,
        answer=answer,
    )


def _exact(target: str, answer: str) -> Tally:
    return _verdict(target == answer, target, answer)


def _contains(target: str, answer: str) -> Tally:
    wanted, found = (f" {' '.join(text.split())} " for text in (target, answer))
    return _verdict(wanted in found, target, answer)


def _regex(target: str, answer: str) -> Tally:
    return _verdict(patterns.matches(target, answer), target, answer)


def _number(target: str, answer: str) -> Tally:
    """Compare the last numbers; they are the tally's texts. Where one is missing, it is wrong."""
    wanted, found = figures.last_number(target), figures.last_number(answer)
    is_right = wanted is not None and found is not None and wanted.value == found.value
    texts = [
        text if number is None else number.text
        for text, number in ((target, wanted), (answer, found))
    ]
    return _verdict(is_right, *texts)


def _check_number(target: str) -> None:
    if figures.last_number(target) is None:
        raise ValueError(f"no number in the target: {target}")


def _verdict(is_right: bool, target: str, answer: str) -> Tally:  # noqa: FBT001 - inner function
    return Tally(numerator=int(is_right), denominator=1, target=target, answer=answer)


_COMPARISONS: dict[Scorer, Callable[[str, str], Tally]] = {
    "wer": _words,
    "cer": _characters,
    "contains": _contains,
    "regex": _regex,
    "number": _number,
}
"""What compares the texts; without an entry they have to be equal."""
