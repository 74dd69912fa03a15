"""Comparisons of simulated runs, whose true difference is known.

Clips have 3 to 19 words. How hard a sample is, is drawn once for both runs, so that they err
together; of the words that B gets wrong, A gets half wrong, too.
"""

from collections.abc import Callable
from functools import cache, partial

import msgspec
import numpy as np
import pytest

from evals.read import Run
from evals.report.comparison import Difference, compare
from tests.evals.runs import answered, run

Simulation = Callable[[np.random.Generator], tuple[Run, Run]]

ERROR_RATE = 0.1
"""The share of words that A gets wrong, over all clips."""
ACCURACY = 0.6
"""The share of questions that A gets right."""

A_RUN = {scorer: run([answered("0", 1)], scorer=scorer) for scorer in ("wer", "exact")}


def transcriptions(
    rng: np.random.Generator, *, samples: int, ratio: float, spread: float = 5
) -> tuple[Run, Run]:
    """Return two runs over clips; B makes *ratio* times as many errors as A.

    The smaller *spread*, the more differ the clips.
    """
    words = rng.integers(3, 20, samples)
    of_a = rng.beta(ERROR_RATE * spread, (1 - ERROR_RATE) * spread, samples)
    of_b, of_both = ratio * of_a, ratio * of_a / 2
    both = rng.binomial(words, of_both)
    only_a = rng.binomial(words - both, (of_a - of_both) / (1 - of_both))
    only_b = rng.binomial(words - both, (of_b - of_both) / (1 - of_both))
    return tuple(  # type: ignore[return-value]
        msgspec.structs.replace(
            A_RUN["wer"],
            results=[
                answered(str(index), *row)
                for index, row in enumerate(zip(errors.tolist(), words.tolist(), strict=True))
            ],
        )
        for errors in (both + only_a, both + only_b)
    )


def questions(
    rng: np.random.Generator, *, samples: int, gain: float, repeats: int = 1
) -> tuple[Run, Run]:
    """Return two runs over questions; B gets right *gain* of those that A gets wrong."""
    of_a = rng.beta(2 * ACCURACY, 2 * (1 - ACCURACY), samples)
    return tuple(  # type: ignore[return-value]
        msgspec.structs.replace(
            A_RUN["exact"],
            results=[
                answered(str(index), int(repeat < right), repeat=repeat)
                for index, right in enumerate(rng.binomial(repeats, chances).tolist())
                for repeat in range(repeats)
            ],
        )
        for chances in (of_a, of_a + gain * (1 - of_a))
    )


SIMULATIONS: dict[str, tuple[Simulation, float]] = {
    "transcriptions": (partial(transcriptions, samples=100, ratio=1), 0),
    "better transcriptions": (partial(transcriptions, samples=100, ratio=0.7), -0.3 * ERROR_RATE),
    "questions": (partial(questions, samples=100, gain=0), 0),
    "better questions": (partial(questions, samples=100, gain=0.2), 0.2 * (1 - ACCURACY)),
    "better repeats": (
        partial(questions, samples=60, gain=0.2, repeats=4),
        0.2 * (1 - ACCURACY),
    ),
}
"""Simulations, each with the true difference of the scores."""


@cache
def simulated(name: str, pairs: int = 200) -> list[Difference]:
    """Return the differences that are found in *pairs* pairs of runs."""
    rng = np.random.default_rng(0)
    simulate, _ = SIMULATIONS[name]
    return [compare(*simulate(rng), changes=0).difference for _ in range(pairs)]


@pytest.mark.parametrize("name", SIMULATIONS)
def test_the_interval_holds_the_true_difference(name: str) -> None:
    """Of 200 pairs of runs, the 95 % interval holds the true difference in 185 to 198."""
    _, truth = SIMULATIONS[name]

    held = [
        each.low <= truth <= each.high
        for each in simulated(name)
        if each.low is not None and each.high is not None
    ]

    assert len(held) == 200
    assert 185 <= sum(held) <= 198


def test_runs_that_do_not_differ() -> None:
    """Where there is no true difference, the p-value is below 0.05 in about one pair of twenty."""
    found = [
        difference
        for name, (_, truth) in SIMULATIONS.items()
        if truth == 0
        for difference in simulated(name)
    ]

    assert 0.025 <= sum(each.p_value < 0.05 for each in found) / len(found) <= 0.08


def test_a_true_difference_is_found() -> None:
    """Three tenths of the errors less, over 100 clips, are shown in most pairs."""
    found = simulated("better transcriptions")

    assert sum(each.p_value < 0.05 for each in found) / len(found) > 0.8
