"""Errors of an engine name the fields of the request."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from backends.failures import InvalidOption, PromptTooLong
from shim.api.generation.parameter_names import renamed
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.translate import to_generation

INPUT: list[Any] = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
    {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"},
    {
        "type": "function_call_output",
        "call_id": "x",
        "output": [{"type": "input_text", "text": ""}],
    },
]


async def refused(option: str | None) -> AsyncGenerator[str, None]:
    """Raise InvalidOption for *option* at the first item, as an engine does."""
    raise InvalidOption(f"`{option}` is wrong.", option=option)
    yield ""


@pytest.mark.parametrize(
    ("option", "param"),
    [
        ("messages", "input"),
        ("messages[0].content", "instructions"),
        ("messages[1].content", "input[0].content"),
        ("messages[2].content", "input[1].content"),
        ("messages[2].tool_calls", "input[2]"),
        ("messages[3].content[0]", "input[3].output[0]"),
        ("max_tokens", "max_output_tokens"),
        ("response_format", "text.format"),
        ("reasoning_effort", "reasoning.effort"),
        ("temperature", "temperature"),
        (None, None),
    ],
)
async def test_names(option: str | None, param: str | None) -> None:
    """The field gets the request's name, in the message too."""
    body = {"input": INPUT, "instructions": "be brief"}
    places = to_generation(msgspec.convert(body, ResponsesRequest)).places

    with pytest.raises(InvalidOption, match="is wrong") as refusal:
        await anext(renamed(refused(option), places))

    assert refusal.value.option == param
    assert str(refusal.value) == f"`{param}` is wrong."


async def test_a_message_without_a_name() -> None:
    """A message that does not quote the field stays the same."""
    error = PromptTooLong.by(prompt=9, completion=1, context=9)
    message = str(error)

    async def items() -> AsyncGenerator[str, None]:
        raise error
        yield ""

    with pytest.raises(PromptTooLong) as refusal:
        await anext(renamed(items(), {"messages": "input"}))

    assert (str(refusal.value), refusal.value.option) == (message, "input")
