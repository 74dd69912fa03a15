"""Calls of tools: which call is the right one."""

import json

import pytest

from evals.result import Answer, ToolCall
from evals.score.tool_calls import tally

ARGUMENTS = {"city": "Köln", "days": [1, 2.0], "metric": True, "at": {"lat": 50, "lon": None}}
TARGET = json.dumps({"name": "weather", "arguments": ARGUMENTS})


def answer(*calls: tuple[str, str], text: str = "") -> Answer:
    """Return an answer with these names and arguments."""
    return Answer(text=text, tool_calls=[ToolCall(name=n, arguments=a) for n, a in calls] or None)


@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps(ARGUMENTS),
        json.dumps(ARGUMENTS, sort_keys=True, indent=1, ensure_ascii=False),
        json.dumps(ARGUMENTS | {"days": [1.0, 2]}),
    ],
)
def test_a_right_call(arguments: str) -> None:
    """The order of keys, spaces and escapes do not count, and a number is its value."""
    found = tally(TARGET, answer(("weather", arguments), text="I look it up."))

    assert (found.numerator, found.denominator) == (1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        answer(("forecast", json.dumps(ARGUMENTS))),
        answer(("weather", json.dumps(ARGUMENTS | {"metric": 1}))),
        answer(("weather", json.dumps(ARGUMENTS | {"days": [2, 1]}))),
        answer(("weather", json.dumps(ARGUMENTS | {"days": [1, 2, 3]}))),
        answer(("weather", json.dumps(ARGUMENTS | {"more": 1}))),
        answer(("weather", json.dumps(ARGUMENTS | {"at": None}))),
        answer(("weather", json.dumps(ARGUMENTS)[:-1])),
        answer(("weather", "[" * 100_000)),
        answer(("weather", json.dumps(ARGUMENTS)), ("weather", json.dumps(ARGUMENTS))),
        answer(text=TARGET),
        answer(),
    ],
    ids=range(11),
)
def test_a_wrong_answer(wrong: Answer) -> None:
    """Another name or value, true for 1, half a call, two calls, and a text are wrong."""
    assert tally(TARGET, wrong).numerator == 0


def test_what_is_shown() -> None:
    """The call as JSON, or the text in its place."""
    called = tally(TARGET, answer(("weather", '{"days": 1}')))
    broken = tally(TARGET, answer(("weather", '{"days"'), text="x"))
    wrote = tally(TARGET, answer(text="Rain. "))

    assert called.answer == '{"name":"weather","arguments":{"days":1}}'
    assert broken.answer == r'{"name":"weather","arguments":"{\"days\""}'
    assert wrote.answer == "Rain."
