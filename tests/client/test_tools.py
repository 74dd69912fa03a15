"""Tools through the stock client: calls whole and streamed, and turns that answer them."""

import json
from collections.abc import Sequence
from typing import Any

import openai
import pytest

from tests.client.forced import CALL, QUESTION, TOOLS, forced
from tests.client.stock import answered, collected, connect
from tests.live import LiveServer

CHAT = {"model": "gpt-4o-mini", "messages": QUESTION, "temperature": 0, "max_tokens": 160}
NAMED = {"type": "function", "function": {"name": "weather"}}


def joined(chunks: Sequence[Any]) -> dict[int, dict[str, str]]:
    """Fold the calls of a stream as clients do: the first piece names, all bring arguments."""
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            for piece in choice.delta.tool_calls or ():
                if piece.id is not None:
                    assert piece.index not in calls
                    assert piece.type == "function"
                    calls[piece.index] = {"name": piece.function.name, "arguments": ""}
                calls[piece.index]["arguments"] += piece.function.arguments
    return calls


@pytest.mark.parametrize(
    ("choice", "reason"), [("required", "tool_calls"), (NAMED, "stop")], ids=["required", "named"]
)
async def test_a_call_that_must_be(engine: Any, choice: Any, reason: str) -> None:
    """A call that the request demands has arguments of the tool's schema."""
    create = engine.chat.completions.create

    completion = await answered(create(**CHAT, tools=TOOLS, tool_choice=choice))

    [answer] = completion.choices
    [call] = answer.message.tool_calls
    assert answer.finish_reason == reason
    assert answer.message.content is None
    assert call.id
    assert (call.type, call.function.name) == ("function", "weather")
    assert json.loads(call.function.arguments)["city"] in ("Rome", "Oslo")


TRIP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Rome", "Oslo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "units": {"type": ["string", "null"], "enum": ["C", "F", None]},
    },
    "required": ["city", "days"],
}


def fits(arguments: dict[str, Any]) -> bool:
    """Return whether *arguments* are of TRIP."""
    return (
        {"city", "days"} <= arguments.keys() <= {"city", "days", "units"}
        and arguments["city"] in ("Rome", "Oslo")
        and 1 <= arguments["days"] <= 9
        and arguments.get("units") in ("C", "F", None)
    )


@pytest.mark.parametrize("choice", ["required", {**NAMED, "function": {"name": "trip"}}], ids=str)
@pytest.mark.parametrize("strict", [{}, {"strict": None}, {"strict": False}, {"strict": True}])
@pytest.mark.parametrize("stream", [False, True])
async def test_arguments_fit(
    vllm_server: LiveServer, choice: Any, strict: dict[str, Any], *, stream: bool
) -> None:
    """Whether a tool says that it is strict or not, a call that must be fits its schema."""
    tool = {"type": "function", "function": {"name": "trip", "parameters": TRIP, **strict}}
    body = {**CHAT, "tools": [tool], "tool_choice": choice, "parallel_tool_calls": False}

    async with connect("async", vllm_server) as client:
        for seed in range(4):
            drawn = {**body, "temperature": [0, 0.7, 1.3, 2][seed], "seed": seed, "stream": stream}
            answer = await client.chat.completions.create(**drawn)
            if stream:
                calls = [*joined(await collected(answer)).values()]
            else:
                calls = [call.function.to_dict() for call in answer.choices[0].message.tool_calls]

            (call,) = calls
            assert fits(json.loads(call["arguments"]))


@pytest.mark.parametrize("parameters", [None, {"type": "object", "properties": {}}])
async def test_a_tool_without_parameters(engine: Any, parameters: Any) -> None:
    """Its arguments are an object all the same, an empty one."""
    function = (
        {"name": "trip"} if parameters is None else {"name": "trip", "parameters": parameters}
    )
    named = {**NAMED, "function": {"name": "trip"}}
    tools = [{"type": "function", "function": function}]

    completion = await answered(
        engine.chat.completions.create(**CHAT, tools=tools, tool_choice=named)
    )

    (call,) = completion.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {}


async def test_a_schema_that_cannot_be_held(engine: Any) -> None:
    """A call that must be of it is refused by its place; one that may be is the model's own."""
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    tools = [{"type": "function", "function": {"name": "trip", "parameters": schema}}]

    with pytest.raises(openai.BadRequestError, match="uniqueItems") as refusal:
        await answered(engine.chat.completions.create(**CHAT, tools=tools, tool_choice="required"))
    completion = await answered(engine.chat.completions.create(**CHAT, tools=tools))

    assert refusal.value.param == "tools[0].function.parameters"
    assert completion.choices[0].message.content


async def test_calls_that_the_model_makes(engine: Any) -> None:
    """Text before a call is the content; parallel calls come in order, each with an id."""
    request = forced(rf"It is red\. {CALL}\n{CALL}", tools=TOOLS)

    completion = await answered(engine.chat.completions.create(**request))

    [answer] = completion.choices
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content.strip() == "It is red."
    assert [call.function.name for call in answer.message.tool_calls] == ["weather"] * 2
    assert len({call.id for call in answer.message.tool_calls}) == 2


@pytest.mark.parametrize("pattern", [CALL, rf"{CALL}\n{CALL}", rf"It is red\. {CALL}"])
async def test_a_stream_says_the_same(engine: Any, pattern: str) -> None:
    """Put together, the pieces of a stream are the whole answer."""
    create = engine.chat.completions.create
    whole = (await answered(create(**forced(pattern, tools=TOOLS)))).choices[0]

    chunks = await collected(await answered(create(**forced(pattern, tools=TOOLS, stream=True))))

    calls = joined(chunks)
    assert [calls[at] for at in sorted(calls)] == [
        {"name": call.function.name, "arguments": call.function.arguments}
        for call in whole.message.tool_calls
    ]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text.strip() == (whole.message.content or "").strip()
    assert chunks[-1].choices[0].finish_reason == whole.finish_reason == "tool_calls"


@pytest.mark.parametrize("limit", range(1, 40, 3))
async def test_a_stream_that_is_cut(engine: Any, limit: int) -> None:
    """Wherever `max_tokens` cuts, the pieces fit: a name before arguments, a reason at the end."""
    request = forced(f"{CALL}", tools=TOOLS, max_tokens=limit, stream=True)

    chunks = await collected(await answered(engine.chat.completions.create(**request)))

    assert all(call["name"] == "weather" for call in joined(chunks).values())
    assert chunks[-1].choices[0].finish_reason in ("length", "tool_calls")


async def test_one_call_at_most(engine: Any) -> None:
    """With `parallel_tool_calls: false` the first call is the only one, streamed or not."""
    create = engine.chat.completions.create
    request = forced(rf"{CALL}\n{CALL}", tools=TOOLS, parallel_tool_calls=False)

    whole = (await answered(create(**request))).choices[0]
    chunks = await collected(await answered(create(**request, stream=True)))

    assert len(whole.message.tool_calls) == len(joined(chunks)) == 1


async def test_no_calls(engine: Any) -> None:
    """With `tool_choice: none` a call is text like any other."""
    request = forced(CALL, tools=TOOLS, tool_choice="none")

    completion = await answered(engine.chat.completions.create(**request))

    [answer] = completion.choices
    assert answer.message.tool_calls is None
    assert "weather" in answer.message.content
    assert answer.finish_reason == "stop"


async def test_an_answered_call(engine: Any) -> None:
    """The assistant's call and the tool's answer are turns like others."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turns = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]

    completion = await answered(
        engine.chat.completions.create(**{**CHAT, "messages": turns}, tools=TOOLS)
    )

    assert completion.choices[0].message.content


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {**NAMED, "function": {"name": "x"}}}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": "weather"}, "tools"),
    ],
)
async def test_bad_tools(engine: Any, body: dict[str, Any], param: str) -> None:
    """What is wrong with tools is refused by its place, for streams too."""
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refusal:
            await answered(engine.chat.completions.create(**CHAT, **body, stream=stream))

        assert refusal.value.param == param


async def test_tools_without_a_parser(builtin: Any) -> None:
    """A model that cannot call says so instead of ignoring its tools."""
    with pytest.raises(openai.BadRequestError) as refusal:
        await answered(builtin.chat.completions.create(**CHAT, tools=TOOLS))

    assert (refusal.value.param, refusal.value.code) == ("tools", "unsupported_parameter")
