"""Compares the call of a tool in an answer with the right one."""

from typing import Any

import msgspec

from evals.result import Answer, Tally, ToolCall


class _Call(msgspec.Struct):
    name: str
    arguments: Any


def tally(target: str, answer: Answer) -> Tally:
    """Return 1/1 if *answer* has one call, with the name and the arguments of *target*; else 0/1.

    *target* is JSON. Arguments are equal as JSON values: spaces and the order of keys do not
    count, and 1 equals 1.0. Several calls, a text without a call, and arguments that are not JSON
    are wrong answers.
    """
    calls = [_parsed(call) for call in answer.tool_calls or ()]
    wanted = msgspec.json.decode(target, type=_Call)
    is_right = (
        len(calls) == 1
        and calls[0].name == wanted.name
        and _equal(calls[0].arguments, wanted.arguments)
    )
    shown = msgspec.json.encode(calls[0] if len(calls) == 1 else calls).decode()
    return Tally(
        numerator=int(is_right),
        denominator=1,
        target=target,
        answer=shown if calls else answer.text.strip(),
    )


def _parsed(call: ToolCall) -> _Call:
    """Return *call* with its arguments as a value; a text that is not JSON stays a text."""
    try:
        return _Call(name=call.name, arguments=msgspec.json.decode(call.arguments))
    except (msgspec.DecodeError, RecursionError):
        return _Call(name=call.name, arguments=call.arguments)


def _equal(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
