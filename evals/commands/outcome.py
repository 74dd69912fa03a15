"""What `evals run` and `evals resume` print at their end, and the pages that they write."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape

from evals.failures import NotComparable
from evals.folder import Folder
from evals.read import Run
from evals.report import comparison, comparison_text, page, table
from evals.report.summary import Summary
from evals.report.terminal import console, plain, show

SEVERAL = 2
"""Runs that are shown as one table."""
NAMES = "BCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The names of the runs that are compared with A, the first one."""


def show_summaries(summaries: list[Summary]) -> None:
    """Print a summary, or a table of several."""
    if len(summaries) < SEVERAL:
        show(summaries)
    elif _same_task(summaries):
        table.show(f"{summaries[0].task}: {len(summaries)} models", summaries, by="model")
    else:
        table.show(f"{len(summaries)} evaluations", summaries)


def show_comparisons(runs: Sequence[Run]) -> None:
    """Print the comparison of each of *runs* with the first, where all are of one task.

    The samples that changed most are left out: `evals compare` lists them.
    """
    if not _same_task([run.summary for run in runs]):
        return
    for name, run in zip(NAMES, runs[1:], strict=False):
        try:
            comparison_text.show(comparison.compare(runs[0], run, changes=0), b=name)
        except NotComparable as error:
            click.echo(f"\n{error}")


def write_pages(runs: Sequence[Run], *, together: Path | None) -> None:
    """Write the page of each run that has none yet, and print where the pages are.

    *together* is a folder for a page of several runs side by side, None: it is not written. Raises
    CannotWrite.
    """
    pages = [(run.folder.report, [run]) for run in runs if not run.folder.report.exists()]
    places = [run.folder.report for run in runs]
    if together is not None and len(runs) >= SEVERAL:
        places = [Folder(together).report]
        if pages or not places[0].exists():
            pages.append((places[0], list(runs)))
    for path, shown in pages:
        with console(stderr=True).status("writing the report"):
            page.write(shown, path)
    for path in places:
        console().print(f"[dim]report      [/]{escape(plain(str(path)))}", soft_wrap=True)


def _same_task(summaries: Sequence[Summary]) -> bool:
    return len({summary.task for summary in summaries}) == 1
