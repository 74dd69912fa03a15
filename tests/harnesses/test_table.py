"""Whether two scores count as the same, and which lines of the table are wrong."""

import pytest

from tools.harnesses.scores import Row, Scores, Value
from tools.harnesses.table import lines


def found(served: Row, *computed: Row) -> list[str]:
    """Return what is wrong with each line."""
    both = (Scores(harness="x 1", rows=rows) for rows in ([served], list(computed)))
    return [line.wrong for line in lines("x", "model", *both)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("36", "36", True),
        ("36", "36 ", False),
        (-1.5, -1.5009, True),
        (-1.5, -1.5011, False),
        ([-1.5, "True"], [-1.5009, "True"], True),
        ([-1.5, "True"], [-1.5, "False"], False),
        ([-1.5], [-1.5, -2.0], False),
        ("-1.5", -1.5, False),
    ],
)
def test_values(one: Value, other: Value, *, same: bool) -> None:
    """Texts have to be equal, log probabilities within 0.001."""
    (wrong,) = found(
        Row(task="t", score=1.0, samples=[one]), Row(task="t", score=1.0, samples=[other])
    )

    assert (wrong == "") == same


def test_scores_are_equal_to_the_last_digit() -> None:
    """Equal samples do not excuse another score, nor a missing one."""
    assert found(Row(task="t", score=0.5), Row(task="t", score=0.5000001)) != [""]
    assert found(Row(task="t"), Row(task="t", score=0.5)) == ["no score"]


def test_a_task_that_ran_in_process_only_is_wrong() -> None:
    """A task that the harness lost on the way is not overlooked."""
    assert found(Row(task="t", score=1.0), Row(task="t", score=1.0), Row(task="u", score=1.0)) == [
        "ran in process only",
        "",
    ]
