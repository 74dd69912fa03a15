"""Percentiles and intervals against figures worked out elsewhere."""

import pytest

from evals.metrics import bootstrap, percentile, wilson


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
    pairs = [(errors, 5) for errors in (0, 0, 1, 0, 2, 0, 0, 1, 0, 0)]

    low, high = bootstrap(pairs) or (0, 0)

    assert low < 4 / 50 < high
    assert bootstrap(pairs) == (low, high)


@pytest.mark.parametrize("pairs", [[], [(1, 5)], [(1, 0), (2, 0)]])
def test_no_interval(pairs: list[tuple[int, int]]) -> None:
    """One sample does not vary, and nothing can be divided by no words."""
    assert bootstrap(pairs) is None
