"""Summaries for the eye: one table, and a progress bar while it is in the making."""

import sys
from collections.abc import Callable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from evals.runner import Result
from evals.summary import Score, Speed, Summary

UNKNOWN = "-"
LABELS = {"wer": "WER", "cer": "CER", "exact": "accuracy"}
# Rich takes 80 columns for a pipe, which folds the table in logs.
PIPE_WIDTH = 120


def console(*, stderr: bool = False) -> Console:
    """Return where to print: the terminal as wide as it is, or a pipe wide enough."""
    piped = not (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=PIPE_WIDTH if piped else None, highlight=False)


def bar() -> Progress:
    """Return the progress bar; it lives on stderr, so that the table can be piped alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        console=console(stderr=True),
    )


def tracker(progress: Progress, name: str, total: int) -> Callable[[Result], None]:
    """Return a watcher that moves *progress* by one for every result."""
    row = progress.add_task(name, total=total, failed=0)
    failed = 0

    def watch(result: Result) -> None:
        nonlocal failed
        failed += result.status == "failed"
        progress.update(row, advance=1, failed=failed)

    return watch


def table(summaries: list[Summary]) -> Table:
    """Lay out one row per summary."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("task")
    for heading in ("samples", "score", "failures", "speed", "p50", "p95"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for summary in summaries:
        counts, speed = summary.counts, summary.speed
        grid.add_row(
            f"{escape(summary.task)}\n[dim]{escape(summary.model)}[/]",
            str(counts.samples),
            score(summary.score),
            f"[bold red]{counts.failed}[/]" if counts.failed else "0",
            rate(speed),
            seconds(speed.p50),
            seconds(speed.p95),
        )
    return grid


def score(score: Score) -> str:
    """Return the score in percent, its fraction and its 95 % interval, if there is one."""
    label = LABELS[score.scorer]
    if score.value is None:
        return f"no {label}"
    found = f"{label} {score.value:.2%} ({score.numerator}/{score.denominator})"
    if score.low is None or score.high is None:
        return found
    return f"{found}\n[dim]95 %: {score.low:.1%} to {score.high:.1%}[/]"


def rate(speed: Speed) -> str:
    """Return seconds of audio or completion tokens per second of wall clock."""
    if speed.audio_per_second is not None:
        return f"{speed.audio_per_second:.1f} s audio/s"
    if speed.tokens_per_second is not None:
        return f"{speed.tokens_per_second:.1f} tokens/s"
    return UNKNOWN


def seconds(value: float | None) -> str:
    """Return a duration with the digits that matter."""
    if value is None:
        return UNKNOWN
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def remarks(summary: Summary) -> list[str]:
    """Return what a reader of the score must not overlook, a sentence each."""
    counts, found = summary.counts, []
    name = summary.task
    if counts.failed:
        empty = summary.score.failures_scored_as_empty
        fate = "scored as empty answers" if empty else "not scored"
        found.append(f"{name}: {counts.failed} of {counts.samples} failed, {fate}")
        found += [f"  {kind.failed} {kind.name}: {kind.example}" for kind in counts.kinds]
    if not summary.complete:
        found.append(f"{name}: stopped by a failure; {counts.unasked} samples were not asked")
    if counts.truncated:
        found.append(f"{name}: {counts.truncated} answers were cut at the token limit")
    if summary.retries.sdk or summary.retries.streams:
        found.append(
            f"{name}: {summary.retries.sdk} requests and {summary.retries.streams} cut streams"
            " were asked again"
        )
    if summary.retries.readiness:
        found.append(f"{name}: the server was ready after {summary.retries.readiness} probes more")
    return found


def show(summaries: list[Summary], report: Path) -> None:
    """Print the table, what must not be overlooked, and where the files are."""
    out = console()
    out.print(table(summaries))
    for remark in [remark for summary in summaries for remark in remarks(summary)]:
        out.print(remark, markup=False)
    out.print(f"report {report}", markup=False)
    for summary in summaries:
        out.print(f"results {summary.results}", markup=False)
