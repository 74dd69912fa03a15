"""Repeats of samples: the spread of their scores, and the interval of all."""

import msgspec
import numpy as np
import pytest

from evals.report.spread import Spread, spread
from evals.report.summary import pool
from evals.report.terminal import remarks, repeats
from evals.result import Answer, Result, Tally
from evals.score import intervals
from evals.score.intervals import wilson
from tests.evals.report.test_terminal import summary


def answer(index: int, repeat: int, *, right: int, text: str = "") -> Result:
    """Return the scored answer to a sample."""
    return Result(
        index=index,
        id=str(index),
        repeat=repeat,
        status="ok",
        target="",
        answer=Answer(text=text),
        tally=Tally(numerator=right, denominator=1, target="", answer=text),
        latency=1.0,
    )


def test_the_spread() -> None:
    """It has each repeat's score, and their mean and standard deviation; one repeat has none."""
    rights = [(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 0)]
    results = [answer(index, repeat, right=right) for index, repeat, right in rights]

    found = spread(results, repeats=2)

    assert found == Spread(
        scores=[1.0, 0.5], mean=0.75, deviation=pytest.approx(0.3536, abs=1e-4), equal=True
    )
    assert repeats(found) == "2: 50.00% to 100.00%, mean 75.00%, deviation 35.36%"
    assert spread(results, repeats=1) is None


def test_equal_repeats_are_remarked() -> None:
    """Repeats that are all equal are said to add nothing; answers that differ are not."""
    same = spread([answer(0, repeat, right=1) for repeat in range(3)], repeats=3)
    drawn = spread([answer(0, n, right=1, text=str(n)) for n in range(3)], repeats=3)
    cold = {"options": {"task": {"temperature": 0.0}}}

    assert any(
        "the 3 answers to each sample are equal: repeats add nothing at temperature 0" in remark
        for remark in remarks(summary(spread=same, **cold))
    )
    assert not any("equal" in remark for remark in remarks(summary(spread=drawn, **cold)))


def test_repeats_are_not_samples() -> None:
    """Five equal answers to a sample make no narrower an interval than one."""
    once = [answer(index, 0, right=index % 3 > 0) for index in range(60)]
    often = [msgspec.structs.replace(one, repeat=repeat) for one in once for repeat in range(5)]

    one, five = (pool(each, scorer="exact", normalizer="none") for each in (once, often))

    assert (one.interval, five.samples) == ("Wilson score", 300)
    assert five.interval == "percentile bootstrap over samples, 1000 draws, seed 0"
    assert five.high - five.low == pytest.approx(one.high - one.low, rel=0.1)


def test_few_wrong_samples() -> None:
    """Where a bootstrap is not allowed, the interval of an accuracy is that of single answers."""
    results = [answer(index, repeat, right=1) for index in range(8) for repeat in range(5)]

    found = pool(results, scorer="exact", normalizer="none")

    assert found.interval == "Wilson score over samples"
    assert (found.low, found.high) == wilson(8, 8)


@pytest.mark.parametrize("samples", [10, 50])
def test_the_interval_covers(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 simulated sets whose samples differ much, it holds the true rate in nine of ten.

    An interval over single answers, as if each were a sample, does not.
    """
    monkeypatch.setattr(intervals, "DRAWS", 300)
    rng, rate = np.random.default_rng(7), 0.6
    held, naive = 0, 0
    for _ in range(100):
        chances = rng.beta(rate * 0.5, (1 - rate) * 0.5, samples)
        rights = rng.random((samples, 5)) < chances[:, None]
        drawn = [
            answer(index, repeat, right=int(rights[index, repeat]))
            for index in range(samples)
            for repeat in range(5)
        ]
        found = pool(drawn, scorer="exact", normalizer="none")
        held += found.low <= rate <= found.high
        low, high = wilson(int(rights.sum()), rights.size)
        naive += low <= rate <= high

    assert held >= 90
    assert naive < 80
