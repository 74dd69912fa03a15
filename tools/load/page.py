"""The tables of `docs/load.md`, and the plot beside it."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tools.bench.tables import END, machine, quantile, table
from tools.load.verdict import TOLERANCE, Held, growth

DOCUMENT = Path("docs") / "load.md"
MARK = "<!-- Written by `make load`. -->\n"
PLOTTER = Path(__file__).with_name("plot.py")


def write(loads: Sequence[Held], *, python: Path, page: Path = DOCUMENT) -> None:
    """Write the tables into *page* and the plot beside it, drawn by *python*, with matplotlib.

    Raises ValueError if the page lacks the marks, CalledProcessError if the plot fails.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(MARK)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} has no lines {MARK!r} and {END!r}")
    samples = {f"{load.target}": [asdict(one) for one in load.samples] for load in loads}
    subprocess.run(  # noqa: S603 - our own program
        [python, PLOTTER, page.with_suffix(".png")],
        input=json.dumps(samples),
        text=True,
        check=True,
    )
    page.write_text(before + begin + tables(loads) + end + after, encoding="utf-8")


def tables(loads: Sequence[Held]) -> str:
    """Return the tables of all loads, and which machine they are of."""
    parts = [f"\n{machine('uvicorn', 'uvloop', 'openai')}\n"]
    parts += [_table(load) for load in loads]
    return "\n".join([*parts, ""])


def _table(load: Held) -> str:
    minutes = load.samples[-1].seconds / 60
    record = load.record
    answers = sum(map(len, record.seconds.values()))
    refused = sum(record.refused.values())
    columns = ("request", "right answers", "p50, ms", "p99, ms", "refused as configured")
    rows = [
        f"| {kind} | {len(took):,} | {1e3 * quantile(took, 0.5):,.0f} | "
        f"{1e3 * quantile(took, 0.99):,.0f} | {record.refused[kind]:,} |"
        for kind, took in sorted(record.seconds.items())
    ]
    return (
        f"### `{load.target}`: {load.connections:,} connections, {minutes:.1f} minutes\n\n"
        f"{answers:,} right answers, {record.wrong:,} wrong, {refused:,} refused as configured; "
        f"{record.left:,} that clients gave up. Found: {'; '.join(load.found) or 'nothing'}.\n\n"
        f"{table(columns, rows)}\n{_over_time(load)}"
    )


def _over_time(load: Held) -> str:
    columns = ("", "second fifth", "last fifth", "growth", "allowed")
    names = {
        "rss": "resident memory, MB",
        "pss": "proportional memory, MB",
        "descriptors": "descriptors",
        "threads": "threads",
        "rate": "answers a second",
        "p50": "p50, ms",
        "p99": "p99, ms",
        "lag": "event loop's mean lag, ms",
    }
    rows = []
    for name, words in names.items():
        second, last = growth(load.samples, name)
        allowed = f"{TOLERANCE[name]:.0%}" if name in TOLERANCE else ""
        change = f"{last / second - 1:+.1%}" if second else ""
        rows.append(f"| {words} | {second:,.1f} | {last:,.1f} | {change} | {allowed} |")
    return table(columns, rows)
