"""Puts together what a page says, as HTML and as Markdown, from the same facts."""

from collections.abc import Sequence
from typing import Any

from evals.failures import short
from evals.read import Run
from evals.report import terminal
from evals.report.page import distribution, facts, samples
from evals.report.page.alignment import as_text
from evals.report.page.clips import Clips
from evals.report.page.markdown import render as render_markdown
from evals.report.page.plots import bars
from evals.report.page.template import HERE, render
from evals.result import Result
from evals.score.scorers import ERROR_RATES

WORST = 20
"""Number of samples in the Markdown."""


def html(runs: Sequence[Run], clips: Clips) -> str:
    """Return the page of *runs*, in HTML."""
    table = samples.table(runs, facts.names(runs), clips)
    return render(
        HERE / "report.html",
        **_both(runs),
        drawings=[bars(found) for found in distribution.all_of(runs)],
        clips=clips,
        recordings=recordings(clips),
        table=table,
        sheet="report.css",
        scripts=["report.js", "sample.js"],
        # A page that is opened as a file may play other files only where the scheme is named.
        media="data:" + (" 'self' file:" if clips.linked else ""),
    )


def markdown(runs: Sequence[Run], ordered: Sequence[tuple[Run, Result]]) -> str:
    """Return the same as Markdown, with the first samples of *ordered*, the worst first."""
    return render_markdown(
        HERE / "report.md.jinja",
        **_both(runs),
        worst=[(run, one) for run, one in ordered if samples.badness(run, one) > 0][:WORST],
        as_text=as_text,
        failure=samples.failure,
        fraction=samples.fraction,
        notes=samples.notes,
        error_rates=ERROR_RATES,
    )


def _both(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the values that both forms show."""
    scorers = {run.summary.score.scorer for run in runs}
    names = facts.names(runs)
    return {
        "title": facts.title(runs),
        "runs": runs,
        "names": names,
        "facts": facts.table(runs),
        "remarks": facts.remarks(runs),
        "comparisons": facts.comparisons(runs),
        "lower_is_better": scorers <= ERROR_RATES,
        "aligned": bool(scorers & ERROR_RATES),
        "distributions": distribution.all_of(runs),
        "failures": [
            (name, kind)
            for name, run in zip(names, runs, strict=True)
            for kind in run.summary.counts.kinds
        ],
        "score": terminal.score,
        "interval": terminal.interval,
        "short": short,
    }


def recordings(clips: Clips) -> list[str]:
    """Return a sentence for each thing that a listener has to know."""
    found = []
    if clips.linked and clips.embedded:
        found.append(
            f"{len(clips.embedded)} recordings are in this file, those of the worst samples; "
            f"{len(clips.linked)} more are links to files beside it."
        )
    elif clips.linked:
        found.append(f"{len(clips.linked)} recordings are links to files, not in this one.")
    if clips.missing:
        found.append(
            f"{len(clips.missing)} recordings were not found or cannot be decoded, such as"
            f" {clips.missing[0]}."
        )
    return found
