"""Chooses the interval of a score: by what is scored, and by how often each sample was sent."""

from collections.abc import Sequence

from evals.result import Result
from evals.score.intervals import NoInterval, bootstrap, wilson, wilson_over_samples
from evals.score.scorers import ERROR_RATES, Scorer

RIGHT_OR_WRONG = {(0, 1), (1, 1)}
"""The numerators and denominators of samples that are right or wrong."""


def interval_of(scored: Sequence[Result], scorer: Scorer) -> tuple[float | None, float | None, str]:
    """Return the bounds of the 95 % interval and its name; else None, None and the reason.

    Wilson's is for samples that are right or wrong, also by a scorer of the user's own. Answers to
    one sample are alike, so samples that were sent several times are drawn as wholes (a cluster
    bootstrap), and Wilson's interval is only for those that do not allow a bootstrap.
    """
    repeated = any(result.repeat for result in scored)
    answers = pairs_of(scored)
    right_or_wrong = scorer not in ERROR_RATES and set(answers) <= RIGHT_OR_WRONG
    if right_or_wrong and not repeated:
        return *wilson(sum(n for n, _ in answers), len(answers)), "Wilson score"
    pairs, over = (_by_sample(scored), " over samples") if repeated else (answers, "")
    try:
        return *bootstrap(pairs), f"percentile bootstrap{over}, 1000 draws, seed 0"
    except NoInterval as reason:
        if right_or_wrong:
            return *wilson_over_samples(pairs), "Wilson score over samples"
        return None, None, f"none: {reason}"


def pairs_of(scored: Sequence[Result]) -> list[tuple[float, float]]:
    """Return the numerators and denominators of those of *scored* that have a tally."""
    tallies = [result.tally for result in scored if result.tally is not None]
    return [(tally.numerator, tally.denominator) for tally in tallies]


def _by_sample(scored: Sequence[Result]) -> list[tuple[float, float]]:
    """Return the numerators and denominators of each sample, those of its repeats added up."""
    samples: dict[int, list[Result]] = {}
    for result in scored:
        samples.setdefault(result.index, []).append(result)
    pairs = map(pairs_of, samples.values())
    return [(sum(n for n, _ in own), sum(d for _, d in own)) for own in pairs]
