"""Prints several summaries as one table, a row each; what does not fit a row is below it."""

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from evals.report.summary import Summary
from evals.report.terminal import (
    BY_BATCH,
    UNKNOWN,
    By,
    by_batch,
    console,
    interval,
    plain,
    remarks,
    score,
)


def show(title: str, summaries: list[Summary], *, by: By = "task", note: str = "") -> None:
    """Print the table, *note*, reasons for missing intervals, the remarks, and the runs' folders.

    The folders have the summaries and the results. *by* is what the rows differ in, which names
    them.
    """
    out = console()
    out.print()
    out.print(table(title, summaries, by=by))
    out.print()
    if note:
        out.print(plain(note), markup=False, soft_wrap=True)
    for summary in summaries:
        if summary.score.low is None:
            name = getattr(summary, by)
            out.print(plain(f"{name}: {interval(summary.score)}"), markup=False, soft_wrap=True)
        if by_batch(summary):
            name = getattr(summary, by)
            out.print(plain(f"{name}: speed {BY_BATCH}"), markup=False, soft_wrap=True)
        for remark in remarks(summary, by=by):
            out.print(plain(remark), markup=False, soft_wrap=True)
    for summary in summaries:
        out.print(f"[dim]{escape(plain(str(Path(summary.results).parent)))}/[/]", soft_wrap=True)


def table(title: str, summaries: list[Summary], *, by: By = "task") -> Table:
    """Return the table; it has 80 columns at most, unless a name is long."""
    found = Table(
        title=escape(plain(title)),
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,
    )
    for heading in ("evaluation" if by == "task" else by, "score", "95 %"):
        found.add_column(heading)
    for heading in ("samples", "failed", "seconds"):
        found.add_column(heading, justify="right")
    for summary in summaries:
        found.add_row(
            escape(plain(getattr(summary, by))),
            score(summary.score),
            UNKNOWN if summary.score.low is None else interval(summary.score),
            str(summary.counts.samples),
            str(summary.counts.failed),
            UNKNOWN if by_batch(summary) else f"{summary.speed.wall:.1f}",
        )
    return found
