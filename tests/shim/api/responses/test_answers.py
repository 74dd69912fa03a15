"""Responses: whole ones and the events of streams."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec
import pytest

from backends.base import (
    Candidate,
    Finish,
    Generated,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from backends.failures import EngineDead
from shim.api.responses.answer import initial_response, response
from shim.api.responses.protocol import Response, ResponsesRequest
from shim.api.responses.protocol_events import Event
from shim.api.responses.stream import events, framed


def initial(**fields: Any) -> Response:
    """Return the initial response to a request with *fields*."""
    request = msgspec.convert({"model": "m", "input": "hi", **fields}, ResponsesRequest)
    return initial_response(request, model="m")


def text(piece: str, *tokens: str) -> TextDelta:
    """Return a delta of text, with the log probabilities of *tokens*."""
    logprobs = tuple(TokenLogprob(Candidate(token, -0.5, token.encode())) for token in tokens)
    return TextDelta(index=0, text=piece, logprobs=logprobs)


def reasoning(piece: str) -> ReasoningDelta:
    """Return a delta of reasoning."""
    return ReasoningDelta(index=0, text=piece)


def call_deltas(call: int = 0) -> list[ToolCallDelta]:
    """Return the deltas of a tool call."""
    return [
        ToolCallDelta(index=0, call=call, id=f"call_{call}", name="f"),
        ToolCallDelta(index=0, call=call, arguments='{"a":'),
        ToolCallDelta(index=0, call=call, arguments="1}"),
    ]


def finish(reason: Any = "stop") -> Finish:
    """Return the end of the generation."""
    return Finish(
        index=0, reason=reason, prompt_tokens=5, completion_tokens=3, reasoning_tokens=None
    )


async def generated(
    *items: Generated, log: list[str] | None = None
) -> AsyncGenerator[Generated, None]:
    """Yield *items*; raise EngineDead unless the last is a Finish; append to *log* when closed."""
    try:
        for item in items:
            yield item
        if not isinstance(items[-1], Finish):
            raise EngineDead("gone")
    finally:
        if log is not None:
            log.append("closed")


async def streamed(*items: Generated, **fields: Any) -> list[Event]:
    """Return the events of *items*."""
    return [event async for event in events(initial(**fields), generated(*items))]


def encoded(value: Any) -> Any:
    """Return *value* as a client decodes it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def brief(output: Sequence[Any]) -> list[tuple[str, str, str]]:
    """Return the type of each item, its text and its status."""
    items = []
    for item in encoded(output):
        texts = [part["text"] for part in item.get("content", ())] or [item.get("arguments")]
        items.append((item["type"], "".join(texts), item["status"]))
    return items


def test_a_response() -> None:
    """A whole answer has all fields that clients require, and the request's parameters."""
    start = initial(instructions="be brief", temperature=0.5, metadata={"a": "b"})

    answer = encoded(response(start, [text("a"), text("b"), finish()]))

    digits = start.id.removeprefix("resp_")
    part = {"type": "output_text", "text": "ab", "annotations": [], "logprobs": []}
    message = {"type": "message", "id": f"msg_{digits}00", "role": "assistant"}
    assert answer == {
        "object": "response",
        "id": start.id,
        "created_at": start.created_at,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m",
        "output": [{**message, "status": "completed", "content": [part]}],
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 8,
        },
        "background": False,
        "instructions": "be brief",
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {"a": "b"},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, "mode": None, "context": None},
        "store": False,
        "temperature": 0.5,
        "text": {"format": {"type": "text"}, "verbosity": None},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "user": None,
    }


def test_the_requests_parameters() -> None:
    """Tools, their choice and the text's format are returned as they were sent."""
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    choice = {"type": "function", "name": "f"}
    format_ = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}

    answer = encoded(initial(tools=[tool], tool_choice=choice, text={"format": format_}))

    assert answer["tools"] == [{**tool, "description": None, "strict": None}]
    assert answer["tool_choice"] == choice
    assert answer["text"]["format"] == {**format_, "description": None, "strict": None}


ANSWERS: dict[str, tuple[list[Generated], list[tuple[str, str, str]]]] = {
    "text": ([text("a"), text("b"), finish()], [("message", "ab", "completed")]),
    "cut text": ([text("a"), finish("length")], [("message", "a", "incomplete")]),
    "nothing": ([finish()], [("message", "", "completed")]),
    "reasoning": (
        [reasoning("x"), reasoning("y"), text("a"), finish()],
        [("reasoning", "xy", "completed"), ("message", "a", "completed")],
    ),
    "cut reasoning": (
        [reasoning("x"), finish("length")],
        [("reasoning", "x", "incomplete"), ("message", "", "incomplete")],
    ),
    "calls": (
        [*call_deltas(0), *call_deltas(1), finish("tool_calls")],
        [("function_call", '{"a":1}', "completed"), ("function_call", '{"a":1}', "completed")],
    ),
    "all": (
        [reasoning("x"), text("a"), *call_deltas(), finish("tool_calls")],
        [
            ("reasoning", "x", "completed"),
            ("message", "a", "completed"),
            ("function_call", '{"a":1}', "completed"),
        ],
    ),
    "cut call": (
        [text("a"), *call_deltas()[:2], finish("length")],
        [("message", "a", "completed"), ("function_call", '{"a":', "incomplete")],
    ),
}


@pytest.mark.parametrize(("items", "output"), ANSWERS.values(), ids=ANSWERS)
async def test_answers(items: list[Generated], output: list[tuple[str, str, str]]) -> None:
    """Items are in the order in which they begin; a stream ends with the whole answer."""
    start = initial()

    whole = response(start, items)
    stream = [event async for event in events(start, generated(*items))]

    assert brief(whole.output) == output
    assert stream[-1].response == whole
    assert stream[-1].type == f"response.{whole.status}"


@pytest.mark.parametrize(("items", "output"), ANSWERS.values(), ids=ANSWERS)
async def test_events(items: list[Generated], output: list[tuple[str, str, str]]) -> None:
    """Events are numbered; deltas add up to the items, and items to the answer."""
    start, _, *rest, end = received = await streamed(*items)

    assert [event.sequence_number for event in received] == list(range(len(received)))
    assert [event.type for event in received[:2]] == ["response.created", "response.in_progress"]
    assert encoded(start.response)["output"] == []
    added = [event for event in rest if event.type == "response.output_item.added"]
    done = [event for event in rest if event.type == "response.output_item.done"]
    assert [event.output_index for event in added] == list(range(len(output)))
    assert [event.item for event in done] == end.response.output  # type: ignore[union-attr]
    for event in added:
        assert encoded(event.item)["status"] == "in_progress"
        pieces = [e.delta for e in rest if e.output_index == event.output_index and e.delta]
        assert "".join(pieces) == output[event.output_index][1]  # type: ignore[index,arg-type]


async def test_the_order_of_events() -> None:
    """An item is complete before the next one begins, as at OpenAI."""
    received = await streamed(reasoning("x"), text("a"), *call_deltas(), finish("tool_calls"))

    assert [event.type.removeprefix("response.") for event in received] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


async def test_summaries() -> None:
    """A summary is the whole reasoning, if the request sets one."""
    items = [reasoning("x"), text("a"), finish()]

    received = await streamed(*items, reasoning={"summary": "auto"})

    parts = [event.type for event in received if "summary" in event.type]
    assert [name.removeprefix("response.reasoning_summary_") for name in parts] == [
        "part.added",
        "text.delta",
        "text.done",
        "part.done",
    ]
    item = encoded(received[-1].response)["output"][0]
    assert item["summary"] == [{"type": "summary_text", "text": "x"}]
    assert item["content"] == [{"type": "reasoning_text", "text": "x"}]


async def test_logprobs() -> None:
    """The log probabilities of all tokens are attached to texts, also of reasoning and calls."""
    items = [
        text("", "<think>"),
        reasoning("x"),
        text("", "</think>"),
        text("a", "a"),
        text("", "<call>"),
        *call_deltas(),
        text("", "</call>"),
        finish("tool_calls"),
    ]
    start = initial(include=["message.output_text.logprobs"])

    received = [event async for event in events(start, generated(*items))]

    [first, second] = [event for event in received if event.type == "response.output_text.delta"]
    assert [entry["token"] for entry in encoded(first.logprobs)] == ["<think>", "</think>", "a"]
    assert [entry["token"] for entry in encoded(second.logprobs)] == ["<call>"]
    [part] = encoded(received[-1].response)["output"][1]["content"]
    assert part["logprobs"][-1] == {
        "token": "</call>",
        "logprob": -0.5,
        "bytes": list(b"</call>"),
        "top_logprobs": [],
    }
    assert response(start, items) == received[-1].response


async def test_frames() -> None:
    """A frame begins with its event's name; a stream ends with its last event, without `[DONE]`."""
    start = initial()

    frames = [frame async for frame in framed(events(start, generated(text("é\u2028"), finish())))]

    assert all(frame.startswith(b"event: response.") for frame in frames)
    assert frames[4].decode() == (
        "event: response.output_text.delta\n"
        'data: {"type":"response.output_text.delta","sequence_number":4,"output_index":0,'
        f'"item_id":"msg_{start.id.removeprefix("resp_")}00","content_index":0,'
        '"delta":"é\u2028","logprobs":[]}\n\n'
    )
    assert frames[-1].startswith(b"event: response.completed\n")


async def test_an_error_in_the_stream() -> None:
    """An error becomes the last event; its fields are at the top and within `error`."""
    frames = [frame async for frame in framed(events(initial(), generated(text("a"))))]

    name, data = frames[-1].decode().split("\n", 1)
    error = {
        "message": "gone",
        "type": "service_unavailable_error",
        "param": None,
        "code": "server_is_overloaded",
    }
    assert name == "event: error"
    assert msgspec.json.decode(data.removeprefix("data: ")) == {
        "type": "error",
        "sequence_number": 5,
        "code": "server_is_overloaded",
        "message": "gone",
        "param": None,
        "error": error,
    }


async def test_leaving_closes_the_engine() -> None:
    """Events that are closed early close the engine's items."""
    log: list[str] = []
    stream = events(initial(), generated(text("a"), finish(), log=log))
    await anext(stream)

    await stream.aclose()

    assert log == ["closed"]


def test_ids() -> None:
    """Every answer has an id of its own."""
    assert initial().id != initial().id
