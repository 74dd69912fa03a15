"""The output of a run: whole at any width, and without control characters."""

import io
import sys
from typing import Any

import msgspec
import pytest

from evals.report import terminal
from evals.report.summary import Summary
from evals.result import Answer, Failure, Result, Tally
from tests.evals.runs import summary as summary_of

MODEL = "organisation/a-model-whose-name-is-longer-than-eighty-columns-" + "x" * 40
MESSAGE = "\x1b[31mno\n" + "<p>sorry</p> " * 999


def summary(**changes: Any) -> Summary:
    """Return the summary of fifty clips, one of them failed."""
    tally = Tally(numerator=1, denominator=99_999, target="", answer="")
    answered = Result(
        index=0,
        id="0",
        status="ok",
        target="",
        answer=Answer(text="", first_token=123.456),
        tally=tally,
        latency=1234.56,
        audio_seconds=99_999.9,
    )
    failed = msgspec.structs.replace(
        answered,
        status="failed",
        answer=None,
        tally=None,
        error=Failure(type="BadRequestError", message=MESSAGE, status=400),
    )
    found = [*[answered] * 49, failed]
    fields: dict[str, Any] = {"results": "reports/a/results.jsonl", "complete": False, **changes}
    return summary_of(found, wall=0.5, **fields)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_names_are_whole(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal of any width, a long name and a long path are on one line each."""
    monkeypatch.setattr(terminal, "PIPE_WIDTH", width)
    path = f"reports/{MODEL.replace('/', '_')}/results.jsonl"

    terminal.show([summary(model=MODEL, results=path)])

    lines = capsys.readouterr().out.splitlines()
    assert f"model       {MODEL}" in lines
    assert f"results     {path}" in lines


def test_figures_fit_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the largest figures do, apart from messages; and nothing is shortened."""
    monkeypatch.setattr(terminal, "PIPE_WIDTH", 80)

    terminal.show([summary()])

    lines = [line for line in capsys.readouterr().out.splitlines() if "BadRequest" not in line]
    assert max(map(len, lines)) <= 80
    assert "score       WER 0.00% (49/4899951)" in lines
    assert "95 %        no interval: the samples do not differ" in lines
    assert "latency     p50 1234.56 s, p95 1234.56 s" in lines
    assert not any("…" in line for line in lines)


def test_a_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A page in place of a message is cut, and its escapes do not reach the terminal."""
    terminal.show([summary()])

    printed = capsys.readouterr().out
    [line] = [line for line in printed.splitlines() if "BadRequest" in line]
    assert len(line) < 400
    assert "\x1b" not in printed


def test_markup_in_names(capsys: pytest.CaptureFixture[str]) -> None:
    """A name in brackets is a name, not a style."""
    terminal.show([summary(model="[bold]x[/]", task="[/]")])

    printed = capsys.readouterr().out
    assert "model       [bold]x[/]" in printed
    assert "task        [/]" in printed


def test_a_narrow_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stdout is ASCII, as in some containers, other letters are written out."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))

    terminal.show([summary(model="mödel")])

    sys.stdout.flush()
    assert rb"model       m\xf6del" in raw.getvalue()
