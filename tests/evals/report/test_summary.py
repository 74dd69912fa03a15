"""Summaries: pooled scores, counts, speed, and values that are unknown."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from evals.report.summary import Kind, count, measure, pool
from evals.report.terminal import edits, rate, score, seconds
from evals.result import Answer, Failure, Result, Tally


def result(*pair: float, **answer: Any) -> Result:
    """Return an answered sample with this tally."""
    tally = Tally(numerator=pair[0], denominator=pair[1], target="", answer="") if pair else None
    return Result(
        index=0,
        id="0",
        status="ok",
        target="",
        answer=Answer(text="", **answer),
        tally=tally,
        latency=0.5,
        audio_seconds=2.0,
    )


FAILED = msgspec.structs.replace(
    result(),
    status="failed",
    answer=None,
    error=Failure(type="Timeout", message="late", status=408),
)


def test_a_score_is_pooled() -> None:
    """A rate is all errors over all words, not a mean of rates."""
    found = pool([result(1, 1), result(0, 9), FAILED], scorer="wer", normalizer="none")

    assert (found.value, found.numerator, found.denominator, found.samples) == (0.1, 1, 10, 2)


@pytest.mark.parametrize("results", [[], [FAILED], [result(3, 0), result(0, 0)]])
def test_no_score_is_not_zero(results: list[Result]) -> None:
    """Where every sample failed, or nothing could be counted, there is no score."""
    found = pool(results, scorer="wer", normalizer="none")

    assert (found.value, found.low, found.high) == (None, None, None)
    assert score(found) == "no WER"


def test_edits_are_added_up() -> None:
    """The kinds of edits of all samples are added; the score shows them, if there are any."""
    tally = Tally(
        numerator=4, denominator=9, substitutions=1, deletions=2, insertions=1, target="", answer=""
    )
    found = pool(
        [msgspec.structs.replace(result(), tally=tally)] * 2, scorer="wer", normalizer="none"
    )

    assert (found.substitutions, found.deletions, found.insertions) == (2, 4, 2)
    assert edits(found) == ": 2 sub, 4 del, 2 ins"
    assert not edits(pool([result(1, 1)], scorer="exact", normalizer="none"))


@pytest.mark.parametrize(
    ("pairs", "interval"),
    [
        ([(1, 1)] * 3, "Wilson score"),
        ([(1, 4), (3, 4)] * 10, "percentile bootstrap, 1000 draws, seed 0"),
        ([(0.25, 1)] * 3, "none: fewer than 20 samples"),
    ],
)
def test_the_interval_of_ones_own_score(
    pairs: list[tuple[float, float]], interval: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is Wilson's for right and wrong, else a bootstrap; the file is known by its hash."""
    (tmp_path / "my_share.py").write_text("def score(target, answer, sample): return 0.25")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)

    found = pool([result(*p) for p in pairs], scorer="my_share:score", normalizer="none")

    assert found.interval == interval
    assert len(found.scorer_sha256 or "") == 64


def test_counts_add_up() -> None:
    """Answered, failed and unasked samples are counted apart, and so are cut answers."""
    found = count([result(), result(finish_reason="length"), FAILED], 5)

    assert (found.answered, found.failed, found.unasked, found.truncated) == (2, 1, 2, 1)
    assert found.kinds == [Kind(name="Timeout 408", failed=1, example="late")]


def test_speed() -> None:
    """Speed is seconds of audio, or tokens, of answered samples per second of the run."""
    found = measure([result(completion_tokens=3), result(completion_tokens=5), FAILED], 2.0)

    assert (found.audio, found.audio_per_second) == (4.0, 2.0)
    assert (found.completion_tokens, found.tokens_per_second) == (8, 4.0)
    assert (found.p50, found.p95) == (0.5, 0.5)


def test_half_a_count_is_unknown() -> None:
    """If one answer does not say its tokens, their sum is unknown and shown so."""
    text = [msgspec.structs.replace(one, audio_seconds=None) for one in (result(), result())]

    found = measure([text[0], result(completion_tokens=3)], 2.0)

    assert (found.completion_tokens, found.audio) == (None, None)
    assert (rate(found), seconds(found.first_token_p50)) == ("-", "-")
