"""What is right: the bounds, and the verdict on one attack."""

import itertools
from dataclasses import dataclass, field

from tools.attack.attack import Attack, Seen


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What `/health` has to keep to, in seconds."""

    p99: float = 0.05
    longest: float = 0.25


MEGABYTES = 4 * 2**30 / 1e6
LOG_BYTES = 1 << 20
"""What one attack may add to the log, at one line for each request."""


@dataclass
class Observed:
    """Everything that was measured of one attack."""

    attack: Attack
    seen: Seen
    health: list[float | None] = field(default_factory=list)
    """Seconds of each probe; None: no right answer."""
    peak: float = 0.0
    """MB that the server and its children held at most."""
    answers: list[tuple[str, float, str, str | None]] = field(default_factory=list)
    """The bystander's: who, seconds, text, error."""
    right: dict[str, str] = field(default_factory=dict)
    """What the bystander's answers have to be."""
    log: str = ""
    exit_status: int | None = None
    """None: the server still ran."""
    recovered: bool = True
    """Whether the bystander was answered again after the attack."""

    @property
    def p99(self) -> float:
        """Seconds, of the probes that were answered."""
        answered = sorted(seconds for seconds in self.health if seconds is not None)
        return answered[min(int(0.99 * len(answered)), len(answered) - 1)] if answered else 0.0

    @property
    def longest(self) -> float:
        """Seconds of the slowest probe."""
        return max((seconds for seconds in self.health if seconds is not None), default=0.0)

    @property
    def wrong(self) -> list[str]:
        """What the bystander did not get right."""
        return [
            f"{who}: {error or f'{text!r:.80}'}"
            for who, _, text, error in self.answers
            if error or text != self.right.get(who)
        ]


_BOUNDS = Bounds()


def faults(observed: Observed, bounds: Bounds = _BOUNDS) -> list[str]:
    """Return every reason why the attack was not withstood; none: it was."""
    seen, found = observed.seen, list(observed.seen.faults)
    if observed.exit_status is not None:
        found.append(f"the server ended with {observed.exit_status}")
    found += [
        f"{count} x {outcome}: {seen.examples.get(outcome, '')}"
        for outcome, count in seen.outcomes.items()
        if outcome not in observed.attack.allowed
    ]
    if observed.p99 > bounds.p99:
        found.append(f"p99 of /health {observed.p99 * 1e3:,.0f} ms")
    if observed.longest > bounds.longest:
        found.append(f"/health stopped for {observed.longest:,.2f} s")
    if (failed := observed.health.count(None)) and not observed.attack.fills:
        found.append(f"{failed} probes without a right answer")
    if observed.peak > MEGABYTES:
        found.append(f"{observed.peak:,.0f} MB")
    if not observed.recovered:
        found.append("the bystander was not answered after it")
    if observed.wrong and not observed.attack.fills:
        found.append(f"bystander: {observed.wrong[0]} ({len(observed.wrong)} in all)")
    return found + _of_log(observed.log)


def _of_log(log: str) -> list[str]:
    found = []
    if tracebacks := log.count("Traceback (most recent call last)"):
        lines = log.rpartition("Traceback (most recent call last)")[2].splitlines()
        # A record begins with its date; the exception is the line before the next one.
        of_it = list(itertools.takewhile(lambda line: not line[:1].isdecimal(), lines))
        found.append(f"{tracebacks} tracebacks in the log: {of_it[-1].strip():.100}")
    if any(line.startswith("FORGED") for line in log.splitlines()) or "\x1b" in log:
        found.append("a line of the log is the attacker's")
    if len(log) > LOG_BYTES:
        found.append(f"{len(log):,} bytes of log")
    return found
