"""Percentiles and intervals against figures worked out elsewhere."""

from contextlib import suppress

import numpy as np
import pytest

from evals.metrics import NoInterval, bootstrap, percentile, wilson


@pytest.mark.parametrize(("percent", "value"), [(5, 15), (30, 20), (40, 20), (50, 35), (100, 50)])
def test_nearest_rank(percent: float, value: float) -> None:
    """The textbook's example of the nearest-rank method."""
    assert percentile([35, 15, 50, 20, 40], percent) == value


def test_no_values_no_percentile() -> None:
    """Nothing has no median."""
    assert percentile([], 50) is None


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (81, 263, 0.2553, 0.3662)],
)
def test_wilson(hits: int, total: int, low: float, high: float) -> None:
    """Wilson's interval as published (Newcombe 1998, table I, for 81/263)."""
    assert wilson(hits, total) == pytest.approx((low, high), abs=1e-4)


def test_bootstrap_repeats() -> None:
    """The interval holds the pooled ratio, and is the same at every run."""
    pairs = [(errors, 5) for errors in (0, 0, 1, 0, 2, 0, 0, 1, 0, 0)] * 2

    low, high = bootstrap(pairs)

    assert low < 8 / 100 < high
    assert bootstrap(pairs) == (low, high)


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([(0, 5)] * 3, "fewer than 20 samples"),
        ([(1, 5), (2, 6)] * 9, "fewer than 20 samples"),
        ([(0, 5)] * 100, "fewer than 5 samples with an error"),
        ([(0, 5)] * 96 + [(3, 5)] * 4, "fewer than 5 samples with an error"),
        ([(5, 5)] * 30, "the samples do not differ"),
        ([(1, 0)] * 30, "the samples do not differ"),
    ],
)
def test_no_interval(pairs: list[tuple[int, int]], reason: str) -> None:
    """Where resampling would show a certainty that is not there, the reason is given instead."""
    with pytest.raises(NoInterval, match=reason):
        bootstrap(pairs)


@pytest.mark.parametrize(("rate", "spread"), [(0.02, None), (0.05, None), (0.05, 5), (0.2, 5)])
def test_the_interval_covers(rate: float, spread: float | None) -> None:
    """Of simulated sets that have an interval, it holds the true rate in nine of ten.

    *spread* is how much clips differ: their own rates are drawn from a beta distribution.
    """
    rng = np.random.default_rng(7)
    samples, held = 20, []

    for _ in range(200):
        words = rng.integers(3, 20, samples)
        rates = rng.beta(rate * spread, (1 - rate) * spread, samples) if spread else rate
        errors = rng.binomial(words, rates)
        with suppress(NoInterval):
            low, high = bootstrap(list(zip(errors.tolist(), words.tolist(), strict=True)))
            held.append(low <= rate <= high)

    assert len(held) > 50
    assert sum(held) / len(held) >= 0.9
