"""Shows how far a run is: a bar on a terminal, now and then a line in a pipe."""

import time
from collections.abc import Callable, Sequence

from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from evals.report.terminal import console, label, plain
from evals.result import Result
from evals.score.scorers import Scorer

NAME = 12
"""Most characters of a name: beside it 99,999 samples and 123 failures fit in 80 columns."""
LINES = 10
"""Lines in a pipe: one after each tenth of the samples, …"""
LINE_SECONDS = 300.0
"""… and one more if so many seconds have passed since the last one."""


class _Figures(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(figures(task), no_wrap=True)


def bar() -> Progress:
    """Return a progress bar on stderr, so that the summaries can be piped alone.

    In a pipe it draws nothing; `tracker` prints lines instead.
    """
    out = console(stderr=True)
    return Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=6),
        _Figures(),
        console=out,
        disable=not out.is_terminal,
    )


def figures(task: Task) -> str:
    """Return the numbers beside the bar: samples, rate, remaining time, score, failures.

    The rate is the mean since this part of the run began: Rich's own, of the last seconds, jumps
    where several requests end at once.
    """
    done = task.completed - task.fields["before"]
    seconds = task.finished_time or task.elapsed
    rate = done / seconds if seconds else 0.0
    parts = [
        f"{task.completed:.0f}/{task.total:.0f}",
        _rate(rate),
        f"{_clock((task.remaining or 0.0) / rate)} left" if rate else "",
        task.fields["score"],
        f"{task.fields['failed']} failed",
    ]
    return " ".join(part for part in parts if part)


def _rate(per_second: float) -> str:
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.1f}/min"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def tracker(
    progress: Progress, name: str, *, total: int, scorer: Scorer, before: Sequence[Result] = ()
) -> Callable[[Result], None]:
    """Return a function that is called with each new result, and moves *progress* by one.

    *total* is the number of results in the end; *before* are those of earlier parts of the run.
    """
    shown = plain(name if len(name) <= NAME else f"{name[: NAME - 1]}…")
    answered = [result for result in before if result.answer is not None]
    failed = 0
    numerator = sum(result.tally.numerator for result in answered if result.tally)
    denominator = sum(result.tally.denominator for result in answered if result.tally)
    row = progress.add_task(
        escape(shown),
        total=total,
        completed=len(answered),
        before=len(answered),
        failed=0,
        score="",
    )
    task = progress.tasks[progress.task_ids.index(row)]
    line = _line_printer(task, shown) if progress.disable else None

    def watch(result: Result) -> None:
        nonlocal failed, numerator, denominator
        failed += result.status == "failed"
        if result.tally:
            numerator += result.tally.numerator
            denominator += result.tally.denominator
        score = f"{label(scorer)} {numerator / denominator:.1%}" if denominator else ""
        progress.update(row, advance=1, failed=failed, score=score)
        if line:
            line()

    return watch


def _line_printer(task: Task, name: str) -> Callable[[], None]:
    """Return a function that prints a line about *task* on stderr if one is due."""
    out = console(stderr=True)
    last_tenth, last_time = int(task.completed * LINES // (task.total or 1)), time.monotonic()

    def line() -> None:
        nonlocal last_tenth, last_time
        tenth = int(task.completed * LINES // (task.total or 1))
        if tenth > last_tenth or time.monotonic() - last_time >= LINE_SECONDS:
            out.print(f"{name} {figures(task)}", markup=False, soft_wrap=True)
            last_tenth, last_time = tenth, time.monotonic()

    return line
