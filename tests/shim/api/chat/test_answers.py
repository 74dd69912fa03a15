"""Chat's answers: whole completions and chunks."""

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
    """Return *value* as a client decodes it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def test_a_completion() -> None:
    """Deltas of all choices, in any order, become whole texts in the order of the choices."""
    items = [
        TextDelta(index=1, text="b"),
        TextDelta(index=0, text="a"),
        finish(1, completion_tokens=1),
        TextDelta(index=0, text="a"),
        finish(0),
    ]

    answer = encoded(completion(HEADING, items))

    message = {"role": "assistant", "refusal": None}
    assert answer == {
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
    """The content of an answer without text is an empty string, not null."""
    answer = encoded(completion(HEADING, [finish()]))

    assert answer["choices"][0]["message"]["content"] == ""


def test_minus_infinity() -> None:
    """JSON does not have minus infinity: a token with probability 0 has -9999 in both places."""
    never = Candidate("x", -inf, b"\xf0\x9f")
    token = TokenLogprob(never, (Candidate("y", -0.5, b"y"), never))
    items = [TextDelta(index=0, text="", logprobs=(token,)), finish()]

    answer = encoded(completion(HEADING, items))

    x = {"token": "x", "logprob": -9999.0, "bytes": [0xF0, 0x9F]}
    y = {"token": "y", "logprob": -0.5, "bytes": [121]}
    assert answer["choices"][0]["logprobs"] == {
        "content": [{**x, "top_logprobs": [y, x]}],
        "refusal": None,
    }


async def items(log: list[str]) -> AsyncGenerator[TextDelta | Finish, None]:
    """Yield the items of two choices; append to *log* when closed."""
    try:
        yield TextDelta(index=0, text="a")
        yield TextDelta(index=1, text="b")
        yield finish(1)
        yield finish(0)
    finally:
        log.append("closed")


@pytest.mark.parametrize("include_usage", [False, True])
async def test_chunks(*, include_usage: bool) -> None:
    """Every choice has its role, its text and its end; the usage comes last if it is requested."""
    log: list[str] = []

    received = [
        encoded(chunk) async for chunk in chunks(HEADING, items(log), include_usage=include_usage)
    ]

    choices = [
        (choice["index"], choice["delta"], choice["finish_reason"])
        for chunk in received
        for choice in chunk["choices"]
    ]
    role = {"role": "assistant", "content": ""}
    assert choices == [
        (0, role, None),
        (0, {"content": "a"}, None),
        (1, role, None),
        (1, {"content": "b"}, None),
        (1, {}, "stop"),
        (0, {}, "stop"),
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
    assert [chunk.get("usage", "absent") for chunk in received] == (
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
