"""Regular expressions that take too long."""

from functools import partial

import msgspec
import pytest

from evals.dataset import Dialogue
from evals.result import Answer, Result
from evals.runner import score
from evals.score import patterns
from evals.score.scorers import judge


def test_a_search_without_end(dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped; the sample has failed, with the answer in its error, and is not wrong."""
    monkeypatch.setattr(patterns, "SECONDS", 0.01)
    hard = msgspec.structs.replace(dialogue, target="^(a|aa)+$")
    answered = Result(
        index=0,
        id="sum",
        status="ok",
        target=hard.target,
        answer=Answer(text="a" * 40 + "b"),
        latency=0.1,
    )

    found = score(answered, partial(judge("regex", str), hard), "record")

    assert (found.status, found.answer, found.tally) == ("failed", None, None)
    assert found.error is not None
    assert "took longer than 0.01 s; the answer was: aaa" in found.error.message
