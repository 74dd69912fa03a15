"""What the engine says on its way to the client: whole completions and chunks."""

from collections.abc import AsyncGenerator
from math import inf
from typing import Any

import msgspec
import pytest

from backends.base import Candidate, Finish, TextDelta, TokenLogprob
from shim.api.chat.answer import completion
from shim.api.chat.stream import chunks
from shim.api.generation.heading import Heading

HEADING = Heading("chatcmpl-1", 7, "m", "fp_1")


def finish(index: int = 0, *, completion_tokens: int = 2) -> Finish:
    """Return the end of a choice."""
    return Finish(index=index, reason="stop", prompt_tokens=5, completion_tokens=completion_tokens)


def encoded(value: Any) -> Any:
    """Return *value* as clients see it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def test_a_completion() -> None:
    """Deltas of all choices, in whatever order they came, become whole texts in order."""
    items = [
        TextDelta(index=1, text="b"),
        TextDelta(index=0, text="a"),
        finish(1, completion_tokens=1),
        TextDelta(index=0, text="a"),
        finish(0),
    ]

    found = encoded(completion(HEADING, items))

    message = {"role": "assistant", "refusal": None}
    assert found == {
        "object": "chat.completion",
        "id": "chatcmpl-1",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": index,
                "message": {**message, "content": text},
                "logprobs": None,
                "finish_reason": "stop",
            }
            for index, text in enumerate(["aa", "b"])
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
        "system_fingerprint": "fp_1",
    }


def test_an_empty_completion() -> None:
    """Without a word, the content is an empty string, not null."""
    found = encoded(completion(HEADING, [finish()]))

    assert found["choices"][0]["message"]["content"] == ""


def test_minus_infinity() -> None:
    """JSON has no infinity: the token that cannot be has one number in both places."""
    never = Candidate("x", -inf, b"\xf0\x9f")
    token = TokenLogprob(never, (Candidate("y", -0.5, b"y"), never))

    found = encoded(completion(HEADING, [TextDelta(index=0, text="", logprobs=(token,)), finish()]))

    x = {"token": "x", "logprob": -9999.0, "bytes": [0xF0, 0x9F]}
    y = {"token": "y", "logprob": -0.5, "bytes": [121]}
    assert found["choices"][0]["logprobs"] == {
        "content": [{**x, "top_logprobs": [y, x]}],
        "refusal": None,
    }


async def items(log: list[str]) -> AsyncGenerator[TextDelta | Finish, None]:
    """Speak for two choices at once."""
    try:
        yield TextDelta(index=0, text="a")
        yield TextDelta(index=1, text="b")
        yield finish(1)
        yield finish(0)
    finally:
        log.append("closed")


@pytest.mark.parametrize("include_usage", [False, True])
async def test_chunks(*, include_usage: bool) -> None:
    """Every choice has its role, its text and its finish; usage comes last, if at all."""
    log: list[str] = []

    found = [
        encoded(chunk) async for chunk in chunks(HEADING, items(log), include_usage=include_usage)
    ]

    said = [
        (choice["index"], choice["delta"], choice["finish_reason"])
        for chunk in found
        for choice in chunk["choices"]
    ]
    role = {"role": "assistant", "content": ""}
    assert said == [
        (0, role, None),
        (0, {"content": "a"}, None),
        (1, role, None),
        (1, {"content": "b"}, None),
        (1, {}, "stop"),
        (0, {}, "stop"),
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
    assert [chunk.get("usage", "absent") for chunk in found] == (
        [*[None] * 6, usage] if include_usage else ["absent"] * 6
    )
    assert log == ["closed"]


async def test_leaving_chunks_closes_the_engine() -> None:
    """Chunks that are closed early close the engine's items."""
    log: list[str] = []
    stream = chunks(HEADING, items(log), include_usage=False)
    await anext(stream)

    await stream.aclose()

    assert log == ["closed"]


def test_headings() -> None:
    """Every answer has an id of its own."""
    assert Heading.new("chatcmpl", "m", "fp").id != Heading.new("chatcmpl", "m", "fp").id
