"""Paired statistics against figures worked out elsewhere, and against all signs written out."""

from itertools import product

import numpy as np
import pytest

from evals.score import paired
from evals.score.intervals import NoInterval
from evals.score.paired import interval, p_value


@pytest.mark.parametrize(
    ("improved", "worsened", "expected"),
    [(7, 1, 0.0703), (0, 5, 0.0625), (8, 2, 0.1094), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_mcnemar(improved: int, worsened: int, expected: float) -> None:
    """Of right and wrong it is McNemar's exact test (7 and 1: Fagerland et al. 2013, table 1)."""
    found, how = p_value([1] * improved + [-1] * worsened + [0] * 12)

    assert found == pytest.approx(expected, abs=1e-4)
    assert how == "exact"


@pytest.mark.parametrize("seed", range(5))
def test_all_signs(seed: int) -> None:
    """Of whole numbers it is the share of all signs by which the sum is as far from 0."""
    differences = np.random.default_rng(seed).integers(-4, 5, 12)
    sums = [np.dot(signs, differences) for signs in product((-1, 1), repeat=12)]

    found, _ = p_value(differences.tolist())

    assert found == pytest.approx(np.mean(np.abs(sums) >= abs(differences.sum())))


def test_other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fractions, and of too large numbers, the signs are drawn: about the same p-value."""
    differences = [3, 1, -1, 4, 2, 2, -2, 1, 5, -1]
    exact, _ = p_value(differences)

    drawn, how = p_value([each / 7 for each in differences])
    monkeypatch.setattr(paired, "MAX_ADDITIONS", 0)

    assert drawn == pytest.approx(exact, abs=0.01)
    assert p_value(differences) == (drawn, how) == (drawn, "10000 draws, seed 0")


def test_many_large_differences() -> None:
    """Ten thousand samples, or errors by the thousand, take no longer than a second."""
    assert p_value([1, -1] * 5000)[0] == 1
    assert p_value([3000, 1000] * 100)[0] < 1e-12


def test_the_interval_is_of_the_pooled_difference() -> None:
    """It holds the difference of the pooled rates, and does not depend on the numbers' unit."""
    differences, sizes = [-2, 0, 0, 1, -1, 0, 0, -1] * 5, [10, 3, 5, 4, 8, 9, 5, 6] * 5

    low, high = interval(differences, sizes)

    assert low < -3 / 50 < high < 0
    assert interval([6 * each for each in differences], [6 * each for each in sizes]) == (low, high)


@pytest.mark.parametrize(
    ("differences", "reason"),
    [
        ([1] * 19, "fewer than 20 samples"),
        ([0] * 100 + [1, -1, 1, 1], "fewer than 5 samples differ"),
        ([1] * 30, "the samples do not differ"),
    ],
)
def test_no_interval(differences: list[int], reason: str) -> None:
    """Where resampling would give a false certainty, the reason is returned instead."""
    with pytest.raises(NoInterval, match=reason):
        interval(differences, [1] * len(differences))
