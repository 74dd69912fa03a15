"""Whether a load has held: no growth, no wrong answer, no refusal that is not configured."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tools.load.clients import Record
from tools.load.samples import Sample, fifth

TOLERANCE = {"rss": 0.05, "pss": 0.05, "descriptors": 0.05, "threads": 0.05}
"""By which share the median of the last fifth of the time may exceed that of the second fifth.

The first fifth is not compared: pools, caches and threads fill in it."""
LEFT = 16
"""Most descriptors that may be open beyond those at the start, when all clients have gone."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """One load: what was seen, and what was found wrong."""

    target: str
    connections: int
    samples: Sequence[Sample]
    record: Record
    descriptors: tuple[int, int]
    """Before the clients came, and after they had gone."""
    found: list[str] = field(default_factory=list)
    """Faults; [] if it has held."""


def growth(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Return the medians of the second and of the last fifth."""
    second, last = (median(getattr(one, name) for one in fifth(samples, at)) for at in (2, 5))
    return second, last


def found(held: Held) -> list[str]:
    """Return what is wrong with *held*."""
    wrong = [f"{count}x {words}" for words, count in held.record.faults.most_common(10)]
    for name, tolerance in TOLERANCE.items():
        second, last = growth(held.samples, name)
        if last > second * (1 + tolerance):
            wrong.append(f"{name} grew from {second:g} to {last:g}")
    before, after = held.descriptors
    if after > before + LEFT:
        wrong.append(f"{after} descriptors are open after the load, {before} before it")
    return wrong
