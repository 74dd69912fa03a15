"""The progress of a run: what a bar and a line show, and how many lines a pipe gets."""

import io
import re

import msgspec
import pytest
from rich.console import Console
from rich.progress import Progress

from evals.report import progress as module
from evals.report.progress import Tracker, bar
from evals.result import Answer, Failure, Result, Tally

RIGHT = Result(
    index=0,
    id="0",
    status="ok",
    target="",
    answer=Answer(text=""),
    tally=Tally(numerator=1, denominator=1, target="", answer=""),
    latency=1.0,
)
WRONG = msgspec.structs.replace(
    RIGHT, tally=Tally(numerator=0, denominator=1, target="", answer="")
)
FAILED = msgspec.structs.replace(
    RIGHT, status="failed", answer=None, tally=None, error=Failure(type="E", message="")
)


def test_a_pipe_gets_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Of two thousand samples it gets ten lines, with all figures."""
    with bar() as progress:
        tracker = Tracker(progress, "sums", total=2000, scorer="exact")
        for result in [RIGHT, WRONG, RIGHT, FAILED] * 500:
            tracker.watch(result)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"sums 200/2000 [\d.]+/s 0:00:\d\d left accuracy 66.7% 50 failed", lines[0])
    assert lines[-1].startswith("sums 2000/2000 ")


def test_a_run_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """The answers of earlier parts count as done and scored, their failures do not."""
    with bar() as progress:
        before = [RIGHT] * 8 + [FAILED]
        tracker = Tracker(progress, "sums", total=10, scorer="exact", before=before)
        tracker.watch(WRONG)

    [line] = capsys.readouterr().err.splitlines()
    assert " 9/10 " in line
    assert line.endswith("accuracy 88.9% 0 failed")


def test_the_bar_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a long name and large numbers, a row is one line of 80 columns; only the name is cut."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(module, "console", lambda **_: terminal)
    with bar() as progress:
        tracker = Tracker(progress, "recordings-of-a-year", total=99_999, scorer="exact")
        for result in [*[FAILED] * 122, RIGHT]:
            tracker.watch(result)
        progress.update(progress.task_ids[0], completed=12_345)
        progress.tasks[0].start_time -= 100
        row = rendered(progress)

    assert re.fullmatch(
        r"recordings-… .{6} 12345/99999 123.\d/s 0:11:\d\d left accuracy 100.0% 122 failed", row
    )


def test_a_name_is_cut_only_for_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside small numbers a name may be longer, and in a pipe as long as it is."""
    with bar() as progress:
        Tracker(progress, "recordings-of-a-whole-year", total=1, scorer="wer").watch(RIGHT)
    assert capsys.readouterr().err.startswith("recordings-of-a-whole-year 1/1 ")

    terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(module, "console", lambda **_: terminal)
    with bar() as progress:
        tracker = Tracker(progress, "whisper-large-v3-turbo", total=12, scorer="wer")
        tracker.watch(RIGHT)
        row = rendered(progress)

    assert row.startswith("whisper-large-v3-turbo ")


def rendered(progress: Progress) -> str:
    """Return the only row of *progress* as it is drawn in 80 columns."""
    out = io.StringIO()
    Console(file=out, width=80).print(progress.get_renderable())
    [row] = out.getvalue().splitlines()
    return row.rstrip()
