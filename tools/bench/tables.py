"""What the tables of all benchmarks share, and the document that they are written to."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

DOCUMENT = Path("docs") / "benchmarks.md"
BEGIN, END = "<!-- Written by `make bench-{}`. -->\n", "<!-- End. -->\n"

QUIET = 0.1
"""Share of the machine that others may take from a round that is to count."""


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

    Which rounds count is decided by what the neighbours took (*others*, a share for each round),
    never by who was ahead.
    """
    found = [mine / theirs for mine, theirs in pairs]
    quiet = [each for each, taken in zip(found, others, strict=True) if taken <= QUIET]
    middle = statistics.median(quiet or found)
    return f"{middle:.2f}" if quiet else f"({middle:.2f})"


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that *share* of them lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def write(path: Path, section: str, text: str) -> None:
    """Replace what stands between the marks of *section*. Raises ValueError without them."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN.format(section))
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{path} has no lines {BEGIN.format(section)!r} and {END!r}")
    path.write_text(before + begin + text + end + after, encoding="utf-8")
