"""Computes percentiles and confidence intervals over many samples, each with its source."""

import math
from collections.abc import Sequence

import numpy as np

DRAWS = 1000
"""Number of times that a bootstrap draws all samples anew, with replacement."""
AT_ONCE = 50_000
"""Most samples that are drawn at once: few enough for the processor's cache."""
MIN_SAMPLES = 20
"""Fewest samples for a bootstrap."""
MIN_WITH_ERRORS = 5
"""Fewest samples for a bootstrap whose rate is not 0, and fewest whose rate is not 1."""
Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, which gives a two-sided 95 % interval."""


class NoInterval(Exception):
    """Samples that do not allow an interval; the message has the reason."""


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile, which is one of *values*, never interpolated.

    It is the least that at least *percent* % of *values* do not exceed; None without values.
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def bootstrap(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the 95 % interval of sum(numerators) / sum(denominators) over resampled samples.

    Percentile bootstrap with a fixed seed, after Bisani & Ney 2004, "Bootstrap estimates for
    confidence intervals in ASR performance evaluation". Raises NoInterval where the interval would
    be far too narrow: resampling cannot show errors that the samples do not have, so three clips
    without an error would give [0, 0]. `tests/evals/score/test_intervals.py` simulates how often
    the interval holds the true rate, with these rules and without.
    """
    if len(pairs) < MIN_SAMPLES:
        raise NoInterval(f"fewer than {MIN_SAMPLES} samples")
    if sum(numerator > 0 for numerator, _ in pairs) < MIN_WITH_ERRORS:
        raise NoInterval(f"fewer than {MIN_WITH_ERRORS} samples above 0 %")
    low, high = resample(*zip(*pairs, strict=True), draws=DRAWS)
    if sum(numerator != denominator for numerator, denominator in pairs) < MIN_WITH_ERRORS:
        raise NoInterval(f"fewer than {MIN_WITH_ERRORS} samples that are not at 100 %")
    return low, high


def resample(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    draws: int,
    tail: float = 2.5,
) -> tuple[float, float]:
    """Return two percentiles of the pooled ratios of resampled samples: *tail* and 100 - *tail*.

    Each sample has a numerator and a denominator. The samples are drawn *draws* times. Raises
    NoInterval if all ratios are the same.
    """
    columns = np.asarray(numerators), np.asarray(denominators)
    rng = np.random.default_rng(0)
    samples, at_once = len(numerators), max(1, AT_ONCE // len(numerators))
    parts = []
    for done in range(0, draws, at_once):
        drawn = rng.integers(samples, size=(min(at_once, draws - done), samples))
        parts.append([column.take(drawn).sum(axis=1) for column in columns])
    tops, bottoms = np.concatenate(parts, axis=1)
    ratios = tops[bottoms > 0] / bottoms[bottoms > 0]
    if not ratios.size or ratios.min() == ratios.max():
        raise NoInterval("the samples do not differ")
    low, high = np.percentile(ratios, [tail, 100 - tail])
    return float(low), float(high)


def wilson(hits: float, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of *hits* / *total* (E. B. Wilson 1927, JASA 22).

    Unlike the bootstrap it is valid for few samples, and if every answer is right. *total* > 0.
    """
    share, z2 = hits / total, Z95 * Z95
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = Z95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    half = spread / (1 + z2 / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def wilson_over_samples(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return Wilson's interval of samples that were each sent several times.

    *pairs* are the right answers and all answers of each sample. It is that of as many answers as
    there are samples: rather too wide, as it supposes that all answers to one sample are equal.
    """
    share = sum(right for right, _ in pairs) / sum(total for _, total in pairs)
    return wilson(share * len(pairs), len(pairs))
