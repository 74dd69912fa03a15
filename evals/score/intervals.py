"""Figures over many samples: quantiles and intervals, each with its definition."""

import math
from collections.abc import Sequence

import numpy as np

DRAWS = 1000
MIN_SAMPLES = 20
MIN_WITH_ERRORS = 5
Z95 = 1.959963984540054


class NoInterval(Exception):
    """The samples do not support an interval; the message says why."""


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile: the smallest value that *percent* % do not exceed.

    Always a value that occurred, never an interpolation; None without values.
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def bootstrap(pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the 95 % interval of sum(numerators) / sum(denominators) over resampled samples.

    Percentile bootstrap with a fixed seed, after Bisani & Ney 2004, "Bootstrap estimates for
    confidence intervals in ASR performance evaluation". Raises NoInterval where it would be far too
    narrow: it cannot know of errors that the samples do not show, and says [0, 0] of three clips
    without an error. `tests/evals/score/test_intervals.py` simulates how often it holds the true
    rate, with these rules and without.
    """
    if len(pairs) < MIN_SAMPLES:
        raise NoInterval(f"fewer than {MIN_SAMPLES} samples")
    if sum(numerator > 0 for numerator, _ in pairs) < MIN_WITH_ERRORS:
        raise NoInterval(f"fewer than {MIN_WITH_ERRORS} samples with an error")
    table = np.asarray(pairs, dtype=np.int64)
    rng = np.random.default_rng(0)
    sums = (table[rng.integers(len(table), size=len(table))].sum(axis=0) for _ in range(DRAWS))
    ratios = [numerator / denominator for numerator, denominator in sums if denominator]
    if not ratios or min(ratios) == max(ratios):
        raise NoInterval("the samples do not differ")
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of *hits* / *total* (E. B. Wilson 1927, JASA 22).

    Unlike the bootstrap it holds for few samples, and when every answer is right. *total* > 0.
    """
    share, z2 = hits / total, Z95 * Z95
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = Z95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    half = spread / (1 + z2 / total)
    return max(0.0, centre - half), min(1.0, centre + half)
