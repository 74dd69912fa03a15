"""Computes whether two runs over the same samples differ, from each sample's difference.

A sample's difference is B's numerator less A's: errors, or 1 and 0 for right and wrong. Both runs
have the same denominator, its size. So the difference of the two pooled scores is a pooled score
itself: the sum of the differences over the sum of the sizes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evals.score.intervals import MIN_SAMPLES, NoInterval, resample

ALPHA = 0.05
"""A difference whose p-value is smaller is called significant."""
MIN_DIFFERENT = 5
"""Fewest samples with a difference for an interval."""


def interval(differences: Sequence[float], sizes: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % interval of sum(*differences*) / sum(*sizes*) over resampled samples.

    This is the paired bootstrap of Bisani & Ney 2004, "Bootstrap estimates for confidence intervals
    in ASR performance evaluation": each draw has the same samples of both runs. Raises NoInterval
    under the rules of `evals.score.intervals`, with differences in place of errors.
    """
    if len(differences) < MIN_SAMPLES:
        raise NoInterval(f"fewer than {MIN_SAMPLES} samples")
    if np.count_nonzero(differences) < MIN_DIFFERENT:
        raise NoInterval(f"fewer than {MIN_DIFFERENT} samples differ")
    return resample(np.column_stack([differences, sizes]))


def p_value(differences: Sequence[int]) -> float:
    """Return the two-sided p-value of the paired randomisation test, exactly.

    If A and B are alike, each sample's difference has either sign with the same probability. The
    p-value is the probability that the sum of the differences is then at least as far from 0 as
    it is. Source: Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses". He draws the
    signs; here the distribution of the sum is built one difference after the other, which is
    possible as the differences are whole numbers.

    For right and wrong, where each difference is 1 or -1, this is McNemar's exact test: the sum is
    binomial. Takes time in proportion to the number of differences times the sum of their sizes.
    """
    steps = np.abs(np.asarray(differences, dtype=np.int64))
    steps = np.sort(steps[steps > 0])
    if not steps.size:
        return 1.0
    steps //= (unit := np.gcd.reduce(steps))
    sums = _sums(steps)
    total = int(steps.sum())
    # A sum s of the signed differences is 2 x - total, x the sum of those with a plus.
    distance = abs(int(np.sum(differences))) // int(unit)
    tail = float(sums[(total + distance) // 2 :].sum())
    return min(1.0, 2 * tail)


def _sums(steps: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the probability of each sum from 0 to all, if each step counts with probability ½."""
    chances = np.ones(1)
    for step in steps:
        longer = np.zeros(len(chances) + step)
        longer[: len(chances)] += chances / 2
        longer[step:] += chances / 2
        chances = longer
    return chances
