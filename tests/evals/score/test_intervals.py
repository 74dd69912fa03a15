"""Percentiles and intervals against figures worked out elsewhere."""

import numpy as np
import pytest

from evals.score import intervals
from evals.score.intervals import NoInterval, bootstrap, percentile, wilson


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
        ([(0, 5)] * 100, "fewer than 5 samples above 0 %"),
        ([(0, 5)] * 96 + [(3, 5)] * 4, "fewer than 5 samples above 0 %"),
        ([(5, 5)] * 30, "the samples do not differ"),
        ([(1, 1)] * 96 + [(0.5, 1)] * 4, "fewer than 5 samples that are not at 100 %"),
        ([(1, 0)] * 30, "the samples do not differ"),
    ],
)
def test_no_interval(pairs: list[tuple[int, int]], reason: str) -> None:
    """Where resampling would give a false certainty, the reason is returned instead."""
    with pytest.raises(NoInterval, match=reason):
        bootstrap(pairs)


def covered(rate: float, spread: float | None, samples: int) -> list[bool]:
    """Return of simulated sets of clips whether their interval held the true *rate*.

    *spread* is how much clips differ: their own rates are drawn from a beta distribution. A set
    without an interval is left out, one whose samples are all alike has missed.
    """
    rng = np.random.default_rng(7)
    held = []
    for _ in range(100):
        words = rng.integers(3, 20, samples)
        rates = rng.beta(rate * spread, (1 - rate) * spread, samples) if spread else rate
        errors = rng.binomial(words, rates)
        try:
            low, high = bootstrap(list(zip(errors.tolist(), words.tolist(), strict=True)))
        except NoInterval as reason:
            held += [False] * ("differ" in str(reason))
        else:
            held.append(low <= rate <= high)
    return held


@pytest.fixture
def _fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resample less often, to simulate more sets: the bounds are the same but for noise."""
    monkeypatch.setattr(intervals, "DRAWS", 300)


CORPORA = [(0.02, None), (0.05, None), (0.05, 5), (0.2, 5)]


@pytest.mark.usefixtures("_fewer_draws")
@pytest.mark.parametrize(("rate", "spread"), CORPORA)
def test_the_interval_covers(rate: float, spread: float | None) -> None:
    """Of simulated sets that have an interval, it holds the true rate in nine of ten."""
    held = covered(rate, spread, 20)

    assert len(held) > 25
    assert sum(held) / len(held) >= 0.9


@pytest.mark.usefixtures("_fewer_draws")
@pytest.mark.parametrize(("rate", "spread", "samples"), [(0.05, 5, 5), (0.05, 5, 10), (0.02, 0, 5)])
def test_few_samples_would_not(
    rate: float, spread: float, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the rules, an interval over a few clips misses the true rate far too often."""
    monkeypatch.setattr(intervals, "MIN_SAMPLES", 0)
    monkeypatch.setattr(intervals, "MIN_WITH_ERRORS", 0)

    held = covered(rate, spread or None, samples)

    assert sum(held) / len(held) < 0.85
