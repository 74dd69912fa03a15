"""Counts samples in bins: by their own scores and by their latencies, each run apart."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from evals.read import Run
from evals.report.terminal import seconds
from evals.result import Result
from evals.score.intervals import percentile
from evals.score.scorers import ERROR_RATES

STEP = 10
"""Width of a bin of error rates, in per cent."""
BINS = 16
"""Number of bins of latencies of equal width, from 0 to the 99th percentile."""
TAIL_PERCENT = 99
RATES = ["0 %", *(f"to {top} %" for top in range(STEP, 101, STEP)), "over 100 %"]
"""The labels of the bins of error rates."""
FEWEST = 4
"""Number of bins of error rates that are shown in any case."""
NOT_SCORED = "not scored"
VERDICTS = ("right", "wrong", "right in part", NOT_SCORED)
"""The labels of the bins of other scores. Only a scorer of the user's own knows parts."""


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of samples: *counts* has a list for each run, with a number for each of *labels*."""

    title: str
    unit: str
    labels: list[str]
    counts: list[list[int]]


def all_of(runs: Sequence[Run]) -> list[Distribution]:
    """Return the distributions that a page of *runs* shows."""
    latencies = of_latencies(runs)
    return [of_scores(runs)] + ([latencies] if latencies else [])


def of_scores(runs: Sequence[Run]) -> Distribution:
    """Return how many samples have which error rate; for an accuracy, how many are right.

    Samples that are not scored have a bin of their own. Error rates end with the last bin in use.
    """
    if any(run.summary.score.scorer not in ERROR_RATES for run in runs):
        right = [[_right(result) for result in run.results] for run in runs]
        used = {label for of_one in right for label in of_one}
        labels = [label for label in VERDICTS if label in used or label in VERDICTS[:2]]
        return _binned("Right and wrong answers", "answer", labels, right)
    rates = [[_rate(result) for result in run.results] for run in runs]
    used = {label for of_one in rates for label in of_one}
    labels = [*RATES]
    while labels[-1] not in used and len(labels) > FEWEST:
        labels.pop()
    unscored = [NOT_SCORED] if NOT_SCORED in used else []
    return _binned("Error rate of each sample", "error rate", labels + unscored, rates)


def _binned(
    title: str, unit: str, labels: list[str], found: Sequence[Sequence[str]]
) -> Distribution:
    counts = [[of_one.count(label) for label in labels] for of_one in found]
    return Distribution(title=title, unit=unit, labels=labels, counts=counts)


def _rate(result: Result) -> str:
    """Return the label of the bin; a bin holds its upper bound, as (0, 10] and (10, 20]."""
    if result.tally is None:
        return NOT_SCORED
    wrong, size = result.tally.numerator, result.tally.denominator
    if not size:  # Words invented in silence have no rate: they are beyond all.
        return RATES[-1 if wrong else 0]
    return RATES[min(math.ceil(wrong * 100 / size / STEP), len(RATES) - 1)]


def _right(result: Result) -> str:
    if result.tally is None:
        return NOT_SCORED
    right, wrong, in_part, _ = VERDICTS
    if result.tally.numerator == result.tally.denominator:
        return right
    return in_part if result.tally.numerator else wrong


def of_latencies(runs: Sequence[Run]) -> Distribution | None:
    """Return how many answered samples took how long; None if that is known of no sample.

    A bin has those above the 99th percentile, so that a few do not hide how the others differ, and
    one those whose latency is unknown.
    """
    answered = [[one.latency for one in run.results if one.status == "ok"] for run in runs]
    latencies = [[latency for latency in of_one if latency is not None] for of_one in answered]
    everything = [latency for of_one in latencies for latency in of_one]
    top = percentile(everything, TAIL_PERCENT)
    if not top:
        return None
    edges = np.linspace(0, top, BINS + 1)
    counts = [np.histogram(of_one, edges)[0].tolist() for of_one in latencies]
    labels = [f"to {seconds(float(edge))}" for edge in edges[1:]]
    if max(everything) > top:
        labels.append(f"over {seconds(top)}")
        for of_one, counted in zip(latencies, counts, strict=True):
            counted.append(sum(latency > top for latency in of_one))
    if any(None in of_one for of_one in answered):
        labels.append("unknown")
        for every, counted in zip(answered, counts, strict=True):
            counted.append(every.count(None))
    return Distribution(title="Latency", unit="latency", labels=labels, counts=counts)
