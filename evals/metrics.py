"""Figures over many samples: quantiles and intervals, each with its definition."""

import math
from collections.abc import Sequence

import numpy as np

DRAWS = 1000
Z95 = 1.959963984540054


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile: the smallest value that *percent* % do not exceed.

    Always a value that occurred, never an interpolation; None without values.
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def bootstrap(pairs: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """Return the 95 % interval of sum(numerators) / sum(denominators) over resampled samples.

    Percentile bootstrap with a fixed seed, after Bisani & Ney 2004, "Bootstrap estimates for
    confidence intervals in ASR performance evaluation". With no errors at all it is [0, 0], which
    says more of the method than of the model. None for fewer than two samples.
    """
    if len(pairs) < 2:  # noqa: PLR2004 - one sample does not vary
        return None
    table = np.asarray(pairs, dtype=np.int64)
    rng = np.random.default_rng(0)
    sums = (table[rng.integers(len(table), size=len(table))].sum(axis=0) for _ in range(DRAWS))
    ratios = [numerator / denominator for numerator, denominator in sums if denominator]
    if not ratios:
        return None
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def wilson(hits: int, total: int) -> tuple[float, float] | None:
    """Return Wilson's 95 % score interval of a proportion (E. B. Wilson 1927, JASA 22).

    Unlike the bootstrap it stays honest when every answer is right.
    """
    if not total:
        return None
    share, z2 = hits / total, Z95 * Z95
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = Z95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    half = spread / (1 + z2 / total)
    return max(0.0, centre - half), min(1.0, centre + half)
