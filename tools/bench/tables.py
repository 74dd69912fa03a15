"""What the tables of all benchmarks share, and the page that they are written to."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

DOCUMENT = Path("docs") / "benchmarks.md"
TABLES = "<!-- Written by `make bench-{}`. -->\n"
"""The mark above a section's tables."""
RESULTS = "<!-- Results of `make bench-{}`. -->\n"
"""The mark above a section's lines at the top of the page."""
END = "<!-- End. -->\n"

QUIET = 0.1
"""Largest share of the machine that other processes may take in a round that counts."""

OTHERS, SAME = "other processes, % of machine", "same text, % of answers"
"""Heads of the last two columns of every table."""


def machine(*packages: str) -> str:
    """Return a line about the machine and the versions."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    processor = names[0] if names else platform.machine()
    return f"{cores} cores ({processor}), Python {platform.python_version()}, {versions}."


def table(columns: Sequence[str], rows: Sequence[str]) -> str:
    """Return *rows* under their headings."""
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n" + "\n".join(rows) + "\n"


def ratio(pairs: Sequence[tuple[float, float]], others: Sequence[float]) -> str:
    """Return the median of each round's quotient; in brackets if no round was quiet.

    Only rounds count in which other processes took little (*others*, a share for each round),
    whatever their quotient is.
    """
    quotients = [mine / theirs for mine, theirs in pairs]
    quiet = [each for each, taken in zip(quotients, others, strict=True) if taken <= QUIET]
    middle = statistics.median(quiet or quotients)
    return f"{middle:.2f}" if quiet else f"({middle:.2f})"


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which the given share of *values* lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def write(path: Path, section: str, *, tables: str, results: str) -> None:
    """Replace the *tables* and the *results* of a section of the page at *path*.

    Raises ValueError if the page lacks their marks.
    """
    page = path.read_text(encoding="utf-8")
    for mark, text in ((TABLES, tables), (RESULTS, results)):
        before, begin, rest = page.partition(mark.format(section))
        _, end, after = rest.partition(END)
        if not end:
            raise ValueError(f"{path} has no lines {mark.format(section)!r} and {END!r}")
        page = before + begin + text + end + after
    path.write_text(page, encoding="utf-8")
