"""Comparisons: which samples make a pair, what is refused, and what is said of the runs."""

from typing import Any

import msgspec
import pytest

from evals.failures import NotComparable
from evals.report import comparison_text
from evals.report.comparison import compare
from evals.report.pairs import LeftOut
from tests.evals.runs import answered, failed, run

RIGHT = [answered(str(index), 1) for index in range(30)]
WRONG = [answered(str(index), 0) for index in range(30)]


def test_only_answered_samples_are_compared() -> None:
    """A sample that failed or is missing in one run counts in neither score, nor as an empty text.

    Each is counted under its reason.
    """
    empty = failed("empty")
    a = [answered("x", 2, 4), answered("fell", 4, 4), answered("only-a", 4, 4), failed("both")]
    b = [answered("only-b", 4, 4), empty, answered("x", 1, 4), failed("fell"), failed("both")]
    other = answered("other", 0, 4), answered("other", 0, 3, target="corrected")

    found = compare(run([*a, answered("empty", 0, 4), other[0]]), run([*b, other[1]]))

    assert (found.a.score, found.b.score, found.samples.pairs) == (2 / 4, 1 / 4, 1)
    assert found.samples.left_out == LeftOut(
        missing_a=1, missing_b=1, failed_b=2, failed_both=1, other_target=1
    )


def test_a_failure_scored_as_empty_is_a_failure() -> None:
    """What `--on-error empty` scores is no answer, and is not compared."""
    scored = msgspec.structs.replace(failed("0"), tally=answered("0", 0).tally)

    found = compare(run(RIGHT, scorer="exact"), run([scored, *RIGHT[1:]], scorer="exact"))

    assert (found.samples.pairs, found.samples.left_out.failed_b) == (29, 1)
    assert found.verdict == "same answers"


@pytest.mark.parametrize(
    ("b", "changes", "reason"),
    [
        (RIGHT, {"scorer": "cer"}, "another scorer: wer in A, cer in B"),
        (RIGHT, {"manifest_sha256": "1" * 64}, "other data: .*--anyway"),
        ([failed("0")], {}, "share no scored sample"),
        ([answered("0", 0, 0)], {}, "share no scored sample"),
        ([answered("0", 1, 2)], {}, "denominator that depends on the answer"),
    ],
)
def test_what_cannot_be_compared(b: Any, changes: dict[str, Any], reason: str) -> None:
    """Scores of another kind or of other data are refused, and runs without a common sample."""
    a = [answered("0", 0, 0)] if b == [answered("0", 0, 0)] else RIGHT

    with pytest.raises(NotComparable, match=reason):
        compare(run(a), run(b, **changes))


def test_other_data_anyway() -> None:
    """Of other data the samples with the same id and target are compared."""
    b = run([answered("0", 1), answered("new", 1)], manifest_sha256="1" * 64)

    found = compare(run(RIGHT), b, anyway=True)

    assert found.samples.pairs == 1
    assert found.settings["data"] == ("0" * 64, "1" * 64)


@pytest.mark.parametrize(
    ("a", "b", "scorer", "verdict"),
    [
        (RIGHT, RIGHT, "exact", "Equal: all 30 answers are the same."),
        (WRONG, RIGHT, "exact", "B is better: its accuracy is 100.00 points higher."),
        (RIGHT, WRONG, "exact", "B is worse: its accuracy is 100.00 points lower."),
        (RIGHT, WRONG, "wer", "B is better: its WER is 100.00 points lower."),
        (
            RIGHT[:5],
            WRONG[:5],
            "exact",
            "No difference is shown: chance alone could make this one.",
        ),
        (
            RIGHT,
            [answered("0", 1, text="otherwise"), *RIGHT[1:]],
            "exact",
            "Equal scores: no sample's score differs; 1 of 30 answers has other words.",
        ),
    ],
)
def test_verdicts(a: Any, b: Any, scorer: str, verdict: str) -> None:
    """A verdict says which run is better, or that they are equal, or that none is shown to be."""
    found = compare(run(a, scorer=scorer), run(b, scorer=scorer))

    assert comparison_text.verdict(found, "B") == verdict


def test_repeats_are_one_sample() -> None:
    """Answers to the same sample are not independent: their mean is one observation.

    So a run that sends two samples a hundred times shows as little as one that sends them once. The
    numbers of repeats may differ.
    """
    a = [answered(id_, 1, repeat=repeat) for id_ in "xy" for repeat in range(100)]
    b = [answered(id_, repeat % 2, repeat=repeat) for id_ in "xy" for repeat in range(6)]

    found = compare(run(a, scorer="exact"), run(b, scorer="exact"))

    assert (found.a.score, found.b.score, found.samples.pairs) == (1, 0.5, 2)
    assert (found.difference.p_value, found.verdict) == (0.5, "no difference shown")


def test_what_changed_most() -> None:
    """Listed are the samples with the greatest change of errors, whichever way, with the texts."""
    a = [answered("same", 1, 5), answered("worse", 0, 5), answered("better", 5, 6, text="oops")]
    b = [answered("same", 1, 5), answered("worse", 1, 5), answered("better", 1, 6, text="nearly")]

    found = compare(run(a), run(b))

    [most, less] = found.changes
    assert (most.id, most.a, most.b, most.size) == ("better", 5, 1, 6)
    assert (most.target, most.answers_a, most.answers_b) == ("target better", ["oops"], ["nearly"])
    assert less.id == "worse"
    assert compare(run(a), run(b), changes=1).changes == [most]


def test_settings_that_differ() -> None:
    """What else differs between the runs is named, for it may be the cause."""
    a = run(RIGHT, options={"task": {"model": "a", "temperature": 0.0}, "concurrency": 8})
    b = run(RIGHT, options={"task": {"model": "b", "temperature": 0.7}, "concurrency": 8})

    assert compare(a, b).settings == {"task.temperature": (0.0, 0.7)}
