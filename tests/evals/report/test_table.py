"""The table of several runs: its title, its rows, and what is below them."""

import msgspec
import pytest

from evals.report import table, terminal
from evals.report.summary import Summary, pool
from evals.result import Answer, Result, Tally
from tests.evals.report.test_terminal import summary


def accuracy() -> Summary:
    """Return the summary of an accuracy in its longest form."""
    tally = Tally(numerator=1, denominator=1, target="", answer="")
    right = Result(
        index=0, id="", status="ok", target="", answer=Answer(text=""), tally=tally, latency=1.0
    )
    score = pool([right] * 62, scorer="loglikelihood", normalizer="none")
    return summary(task="questions", score=score)


def test_rows_fit_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run is one line of a table of 80 columns, with its failures and its time."""
    monkeypatch.setattr(terminal, "PIPE_WIDTH", 80)

    table.show("Toys", [summary(), accuracy()])

    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines if "BadRequest" not in line) <= 80
    assert [line.split() for line in lines if line.startswith("questions ")] == [
        ["questions", "accuracy", "100.00%", "(62/62)", "94.2%", "to", "100.0%", "50", "1", "0.5"]
    ]


def test_what_a_row_does_not_say(capsys: pytest.CaptureFixture[str]) -> None:
    """The title is above; a note, missing intervals, failures and the folder are below, so."""
    table.show("[Toys]", [summary()], note="no [network]")

    printed = capsys.readouterr().out
    parts = ["[Toys]", "no [network]", "speech: no interval: ", "1 of 50 failed", "reports/a/"]
    places = [printed.index(part) for part in parts]
    assert places == sorted(places)


def test_failures_scored_as_empty_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """A score that counts failures as empty answers says so, by the model's name too."""
    marked = msgspec.structs.replace(accuracy().score, failures_scored_as_empty=1)

    table.show("Two", [summary(), summary(model="other", score=marked)], by="model")

    lines = capsys.readouterr().out.splitlines()
    assert "m: 1 of 50 failed, not scored" in lines
    assert "other: 1 of 50 failed, scored as empty answers" in lines
