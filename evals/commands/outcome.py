"""What `evals run` and `evals resume` print at their end, and the pages that they write."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

import click

from evals.failures import NotComparable
from evals.folder import Folder
from evals.read import Run
from evals.report import comparison, comparison_text, page, table
from evals.report.summary import Summary
from evals.report.terminal import plain, show, status

SEVERAL = 2
"""Runs that are shown as one table."""


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
    for name, run in zip(ascii_uppercase[1:], runs[1:], strict=False):
        try:
            comparison_text.show(comparison.compare(runs[0], run, changes=0), b=name)
        except NotComparable as error:
            click.echo(f"\n{plain(str(error))}")


def write_pages(runs: Sequence[Run], *, together: Path | None) -> Path | None:
    """Write the page of each run that has none yet; return that of all, side by side.

    *together* is the folder of the latter; it is not written if that is None, or for one run.
    Raises CannotWrite.
    """
    pages = [(run.folder.page, [run]) for run in runs if not run.folder.page.exists()]
    shared = None if together is None or len(runs) < SEVERAL else Folder(together).page
    if shared and (pages or not shared.exists()):
        pages.append((shared, list(runs)))
    with status("writing the report"):
        for path, shown in pages:
            page.write(shown, path)
    return shared


def _same_task(summaries: Sequence[Summary]) -> bool:
    return len({summary.task for summary in summaries}) == 1
