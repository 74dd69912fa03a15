"""What was measured, as tables in Markdown."""

import os
import platform
import statistics
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tools.bench.match import LOOP, MANY, PIPELINE, SHIM, TUNED, Entry, Measured, Result

MARK = "<!-- From here on written by `make bench`. -->\n"
"""In the document, everything below it is replaced."""


QUIET = 0.1
"""Share of the machine that others may take from a round that is to count."""

COLUMNS = (
    *("", "in flight", "workers x threads", "requests/s"),
    *("of faster-whisper", "of tuned", "of the pipeline"),
    *("p50 s", "p95 s", "CPU s each", "others", "same text"),
)


def machine() -> str:
    """Return a line about the machine and the versions."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    packages = ", ".join(f"{name} {version(name)}" for name in ("faster-whisper", "ctranslate2"))
    processor = names[0] if names else platform.machine()
    return f"{cores} cores ({processor}), Python {platform.python_version()}, {packages}."


def table(result: Result) -> str:
    """Return the section of one scenario."""
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"
    rows = [_row(result, entry) for entry in sorted(result.best, key=_place)]
    tried = [
        f"{entry.name} {entry.in_flight}: "
        + ", ".join(f"{setting} {rate:.2f}" for setting, rate in rates.items())
        for entry, rates in result.trials.items()
    ]
    return (
        f"## {result.scenario.title}\n\n{head}\n" + "\n".join(rows) + "\n\n"
        "Settings tried (contestant, in flight: workers x threads, requests/s): "
        + "; ".join(tried)
        + ".\n"
    )


def document(results: list[Result], command: str) -> str:
    """Return everything below the mark."""
    rounds = len(results[0].rounds)
    return f"\n    {command}\n\n{machine()} Medians of {rounds} rounds.\n\n" + "\n".join(
        map(table, results)
    )


def write(path: Path, text: str) -> None:
    """Replace what stands below the mark in *path*. Raises ValueError if there is no mark."""
    head, mark, _ = path.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{path} has no line {MARK!r}")
    path.write_text(head + mark + text, encoding="utf-8")


def _place(entry: Entry) -> tuple[bool, int, int]:
    """Bare before Shim, the load rising: with one in flight first, then all the others."""
    return entry.in_flight > 1, (LOOP, TUNED, PIPELINE, SHIM).index(entry.name), entry.in_flight


def _row(result: Result, entry: Entry) -> str:
    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(number(each[entry]) for each in result.rounds)

    def ratio(other: Entry) -> str:
        # Within a round, and then the median. Which rounds count is decided by what the neighbours
        # took, never by who was ahead.
        pairs = [(each[entry], each[other]) for each in result.rounds]
        quiet = [pair for pair in pairs if max(m.others for m in pair) <= QUIET]
        found = statistics.median(a.run.rate / b.run.rate for a, b in quiet or pairs)
        return f"{found:.2f}" if quiet else f"({found:.2f})"

    alone = entry.in_flight == 1
    cells = [
        entry.name,
        str(entry.in_flight) if alone or entry.name == SHIM else "all",
        str(result.best[entry]),
        f"{median(lambda m: m.run.rate):.2f}",
        *(ratio(Entry(name, 1 if alone else MANY)) for name in (LOOP, TUNED)),
        "" if alone else ratio(Entry(PIPELINE, MANY)),
        f"{median(lambda m: _quantile(m.run.latencies, 0.5)):.3f}",
        f"{median(lambda m: _quantile(m.run.latencies, 0.95)):.3f}",
        f"{median(lambda m: m.cpu):.3f}",
        f"{median(lambda m: m.others):.0%}",
        f"{min(each[entry].equal for each in result.rounds):.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
