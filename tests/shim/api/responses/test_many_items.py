"""Translating a request takes linear time in the number of its items."""

import gc
import time
from typing import Any

import msgspec
import pytest

from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.translate import to_generation

FEW, MANY = 3_000, 30_000

CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
REASONING = {"type": "reasoning", "content": [{"text": "so"}]}
MESSAGE = {"role": "user", "content": [{"type": "input_text", "text": "a"}]}
ANSWER = {"role": "assistant", "content": "a"}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "b"}


def seconds(items: list[dict[str, Any]]) -> float:
    """Return the CPU seconds of translating *items*: the least of three runs.

    Garbage collection is off, because it visits all objects of the tests' process.
    """
    request = msgspec.convert({"input": items}, ResponsesRequest)
    times = []
    gc.disable()
    for _ in range(3):
        start = time.process_time()
        to_generation(request)
        times.append(time.process_time() - start)
    gc.enable()
    return min(times)


@pytest.mark.parametrize(
    "items", [[CALL], [REASONING], [MESSAGE], [REASONING, ANSWER, CALL, CALL, OUTPUT, OUTPUT]]
)
def test_it_is_linear(items: list[dict[str, Any]]) -> None:
    """Ten times as many items take about ten times as long; quadratic time would be a hundred."""
    few, many = (seconds(items * (size // len(items))) for size in (FEW, MANY))

    assert many < 40 * few


def test_all_calls_are_one_turn() -> None:
    """Reasoning, text and calls of the assistant that follow each other are one message."""
    calls = [{**CALL, "call_id": str(number)} for number in range(3)]
    request = msgspec.convert(
        {"input": [REASONING, REASONING, ANSWER, *calls, OUTPUT]}, ResponsesRequest
    )

    first, second = to_generation(request).generation.prompt.messages  # type: ignore[union-attr]

    assert (first.role, first.reasoning, first.content) == ("assistant", "so\nso", "a")
    assert [call.id for call in first.tool_calls] == ["0", "1", "2"]
    assert second.role == "tool"
