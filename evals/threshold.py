"""Decides whether a run is a success, by the number of its samples that failed."""

import re
from fractions import Fraction

from evals.report.summary import Summary

THRESHOLD = re.compile(r"(\d+)|(\d{1,2}(?:\.\d+)?|100(?:\.0+)?)\s*%")


def valid(text: str) -> bool:
    """Return whether *text* is a number of samples, or 0 to 100 per cent of them (`5%`)."""
    return THRESHOLD.fullmatch(text.strip()) is not None


def allowed(text: str, samples: int) -> int:
    """Return how many of *samples* may fail by the threshold *text*; a share is rounded down."""
    number, share = THRESHOLD.fullmatch(text.strip()).groups()  # type: ignore[union-attr]
    return int(number) if number else int(Fraction(share) * samples / 100)


def objection(summary: Summary, text: str) -> str | None:
    """Return why *summary* is not a success by the threshold *text*; None if it is one."""
    counts = summary.counts
    if summary.ended != "finished":
        return f"{summary.task}: {summary.ended}; {counts.unasked} of {counts.samples} not asked"
    if counts.failed > allowed(text, counts.samples):
        return (
            f"{summary.task}: {counts.failed} of {counts.samples} samples failed;"
            f" --max-failures {text} allows {allowed(text, counts.samples)}"
        )
    return f"{summary.task}: no score" if summary.score.value is None else None
