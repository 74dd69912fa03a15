"""Contestants with several settings: the best setting of each is found, then they take turns."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tools.bench.child import Run

MANY = 8
"""Requests in flight in the trials; only Shim behaves otherwise with still more."""


@dataclass(frozen=True, order=True)
class Setting:
    """How many workers compute at once, and the threads of each."""

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers}x{self.threads}"


@dataclass(frozen=True, order=True)
class Entry:
    """A row of the table: a contestant under a load."""

    name: str
    in_flight: int


@dataclass(frozen=True)
class Measured:
    """A run and its cost for the processes that did the work."""

    run: Run
    cpu: float
    """Seconds for each request."""
    others: float
    """Share of the machine that other processes took, which do not belong to the benchmark."""
    equal: float
    """Share of texts that are those of the first contestant."""
    score: float | None = None
    """Word error rate, or share of right answers; None: nobody knows what is right."""


Round = dict[Entry, Measured]
"""Every entry, once."""


@dataclass
class Result:
    """All that was measured of some contestants."""

    title: str
    trials: dict[Entry, dict[Setting, float]] = field(default_factory=dict)
    """Requests per second of each setting, once."""
    best: dict[Entry, Setting] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)


def settings(device: str = "cpu") -> list[Setting]:
    """Return the settings to try: one call on all cores, a call on each core, and halfway."""
    if device != "cpu":
        return [Setting(1, 1), Setting(2, 1), Setting(4, 1)]
    cores = len(os.sched_getaffinity(0))
    halfway = [Setting(cores // 2, 2)] if cores > 3 else []
    return [Setting(1, cores), *halfway, Setting(cores, 1)]


def play(
    title: str,
    counts: dict[Entry, int],
    measure: Callable[[Entry, Setting, int], Measured],
    *,
    tried: Callable[[str], Sequence[Setting]],
    rounds: int,
    say: Callable[[str], None],
) -> Result:
    """Find the best setting of every entry, then let them take turns.

    *counts* is the number of requests of each entry in a round, *tried* the settings of a name.
    """
    result = Result(title)
    for entry in counts:
        trial = Entry(entry.name, min(entry.in_flight, MANY))
        if trial not in result.trials:
            count = max(counts[trial] // 2, 2)
            result.trials[trial] = {
                setting: measure(trial, setting, count).run.rate for setting in tried(entry.name)
            }
        rates = result.trials[trial]
        result.best[entry] = max(rates, key=rates.__getitem__)
    for number in range(rounds):
        # In turns from either end, so that a drift of the machine affects all alike.
        order = list(counts) if number % 2 == 0 else list(counts)[::-1]
        result.rounds.append(
            {entry: measure(entry, result.best[entry], counts[entry]) for entry in order}
        )
        say(f"{title}: round {number + 1} of {rounds}")
    return result
