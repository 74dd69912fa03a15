"""How much the score differs between the repeats of a run that sends each sample several times."""

from collections.abc import Sequence
from statistics import mean, stdev

import msgspec

from evals.result import Result


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of all repeats.

    *scores* has one for each repeat, None for one without a scored unit. *mean* and *deviation* are
    theirs, the latter with n - 1; None if there are fewer than one, or two. *equal* is true if all
    answers to each sample are the same text.
    """

    scores: list[float | None]
    mean: float | None
    deviation: float | None
    equal: bool


def spread(results: Sequence[Result], *, repeats: int) -> Spread | None:
    """Return the spread of *results*; None if each sample is sent only once."""
    if repeats == 1:
        return None
    scores = [_score([r for r in results if r.repeat == repeat]) for repeat in range(repeats)]
    known = [score for score in scores if score is not None]
    return Spread(
        scores=scores,
        mean=mean(known) if known else None,
        deviation=stdev(known) if len(known) > 1 else None,
        equal=_equal(results),
    )


def _score(results: Sequence[Result]) -> float | None:
    tallies = [result.tally for result in results if result.tally is not None]
    denominator = sum(tally.denominator for tally in tallies)
    return sum(tally.numerator for tally in tallies) / denominator if denominator else None


def _equal(results: Sequence[Result]) -> bool:
    texts: dict[int, set[str]] = {}
    for result in results:
        if result.answer is not None:
            texts.setdefault(result.index, set()).add(result.answer.text)
    return bool(texts) and all(len(found) == 1 for found in texts.values())
