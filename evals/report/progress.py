"""Shows how far a run is: a bar on a terminal, now and then a line in a pipe."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from evals.report.terminal import console, label, plain
from evals.result import Result
from evals.score.scorers import Scorer

BAR = 6
"""Characters of a bar."""
NAME = 12
"""Characters of a name for which there is room at least: beside it 99,999 samples and 123 failures
fit in 80 columns."""
LINES = 10
"""Lines in a pipe: one after each tenth of the samples, …"""
LINE_SECONDS = 300.0
"""… and one more if so many seconds have passed since the last one."""

Stage = Literal["uploaded", "answered"]
"""What a batch's server does one after the other: it stores the clips, and answers requests."""


class _Figures(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(figures(task), no_wrap=True)


def bar() -> Progress:
    """Return a progress bar on stderr, so that the summaries can be piped alone.

    In a pipe it draws nothing; `Tracker` prints lines instead.
    """
    out = console(stderr=True)
    if not out.is_terminal:
        # Older versions of Rich end a bar that they have not drawn by an empty line.
        return Progress(console=Console(quiet=True), disable=True)
    return Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=BAR),
        _Figures(),
        console=out,
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


class Tracker:
    """Moves a row of *progress* by each new result, or by what a server says of a batch.

    *total* is the number of results in the end; *before* are those of earlier parts of the run.
    """

    def __init__(
        self,
        progress: Progress,
        name: str,
        *,
        total: int,
        scorer: Scorer,
        before: Sequence[Result] = (),
    ) -> None:
        self._progress = progress
        self._scorer = scorer
        self._total = total
        answered = [result for result in before if result.answer is not None]
        self._before = self._done = len(answered)
        self._failed = 0
        self._numerator = sum(result.tally.numerator for result in answered if result.tally)
        self._denominator = sum(result.tally.denominator for result in answered if result.tally)
        self._row = _Row(progress, name, total=total, done=self._done, label=label(scorer))
        self._uploads: _Row | None = None

    def watch(self, result: Result) -> None:
        """Count *result*, and show the score so far."""
        self._done += 1
        self._failed += result.status == "failed"
        if result.tally:
            self._numerator += result.tally.numerator
            self._denominator += result.tally.denominator
        score = ""
        if self._denominator:
            score = f"{label(self._scorer)} {self._numerator / self._denominator:.1%}"
        # The server may have counted it already.
        done = max(self._done, self._row.done)
        self._row.show(done, failed=self._failed, score=score)

    def count_batch(self, name: Stage, done: int, failed: int, total: int) -> None:
        """Show how many of *total* requests of this part are done, and how many of these failed."""
        if name == "answered":
            # Of a batch that was read in part before a kill, some are counted as answered before.
            done = min(self._before + done, self._total)
            self._row.show(done, failed=self._failed + failed)
            return
        self._uploads = self._uploads or _Row(self._progress, name, total=total, done=done)
        self._uploads.show(done, failed=failed)


class _Row:
    """A row of *progress*, or in a pipe now and then a line."""

    def __init__(
        self, progress: Progress, name: str, *, total: int, done: int, label: str = ""
    ) -> None:
        """*label* is that of the score beside it."""
        room = len(name) if progress.disable else _room(progress.console.width, total, label)
        shown = plain(name if len(name) <= room else f"{name[: room - 1]}…")
        self._progress = progress
        self._id = progress.add_task(
            escape(shown), total=total, completed=done, before=done, failed=0, score=""
        )
        self._task = progress.tasks[progress.task_ids.index(self._id)]
        self._line = _line_printer(self._task, shown) if progress.disable else None

    @property
    def done(self) -> int:
        """The number that is shown as done."""
        return int(self._task.completed)

    def show(self, done: int, **figures: Any) -> None:
        """Show these numbers, and what was shown of others before."""
        self._progress.update(self._id, completed=done, **figures)
        if self._line:
            self._line()


def _room(columns: int, total: int, label: str) -> int:
    """Return how many characters a name may have beside *total* samples on a terminal."""
    figures = f"{total}/{total} 999.9/s 99:59:59 left {label} 100.0% {total} failed"
    return max(NAME, columns - len(figures) - BAR - len("  "))


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
