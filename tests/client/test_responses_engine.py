"""Responses with tools and formats through the stock client, over vLLM."""

import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tests.client.forced import CALL, WEATHER, forced
from tests.client.stock import answered, iterated, opened

TOOL = {"type": "function", **WEATHER}
NAMED = {"type": "function", "name": "weather"}
ASKED = {"model": "gpt-4o-mini", "input": "What is 3 plus 4?", "temperature": 0}


def leading(pattern: str, **fields: Any) -> dict[str, Any]:
    """Return a request whose greedy answer is of *pattern*, a regular expression."""
    return {**ASKED, "tools": [TOOL], **fields, "extra_body": forced(pattern)["extra_body"]}


def told(response: Any) -> list[tuple[str, str]]:
    """Return the kind of each item of an answer, and its text or arguments."""
    return [
        (item.type, item.arguments if item.type == "function_call" else item.content[0].text)
        for item in response.output
    ]


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
async def test_a_call_that_must_be(engine: Any, choice: Any) -> None:
    """A call that the request demands is an item with arguments of the tool's schema."""
    strict = {**TOOL, "strict": True}

    response = await answered(engine.responses.create(**ASKED, tools=[strict], tool_choice=choice))

    [call] = response.output
    assert (call.type, call.name, call.status) == ("function_call", "weather", "completed")
    assert json.loads(call.arguments)["city"] in ("Rome", "Oslo")


@pytest.mark.parametrize(
    ("pattern", "kinds"),
    [
        (CALL, ["function_call"]),
        (rf"{CALL}\n{CALL}", ["function_call", "function_call"]),
        (rf"It is red\. {CALL}", ["message", "function_call"]),
    ],
    ids=["a call", "two calls", "text and a call"],
)
async def test_a_stream_says_the_same(engine: Any, pattern: str, kinds: list[str]) -> None:
    """The items of a stream are those of the whole answer."""
    whole = await answered(engine.responses.create(**leading(pattern)))

    async with opened(engine.responses.stream(**leading(pattern))) as stream:
        happened = [event.type async for event in iterated(stream)]
        final = await answered(stream.get_final_response())

    assert [kind for kind, _ in told(whole)] == kinds
    assert told(final) == told(whole)
    done = happened.count("response.function_call_arguments.done")
    assert done == kinds.count("function_call")


async def test_a_round_of_tools(engine: Any) -> None:
    """What came back may be sent again as it is, with what the tool said."""
    response = await answered(engine.responses.create(**leading(rf"It is red\. {CALL}")))
    items = [item.to_dict() for item in response.output]
    result = {"type": "function_call_output", "call_id": items[-1]["call_id"], "output": "sunny"}
    history = [{"role": "user", "content": ASKED["input"]}, *items, result]

    following = await answered(engine.responses.create(**leading("So it is", input=history)))

    assert following.output_text == "So it is"
    assert following.usage.input_tokens > response.usage.input_tokens


class Paint(BaseModel):
    """What the answer has to be."""

    colour: Literal["red", "blue"]


async def test_parse(engine: Any) -> None:
    """`.parse()` and `.stream()` return an object of the class that the text has to be."""
    response = await answered(engine.responses.parse(**ASKED, text_format=Paint))

    async with opened(engine.responses.stream(**ASKED, text_format=Paint)) as stream:
        final = await answered(stream.get_final_response())

    assert response.output_parsed.colour in ("red", "blue")
    assert final.output_parsed == response.output_parsed


async def test_parse_calls(engine: Any) -> None:
    """So does `.parse()` for a strict tool's arguments."""
    strict = {**TOOL, "strict": True}

    response = await answered(
        engine.responses.parse(**ASKED, tools=[strict], tool_choice="required")
    )

    assert response.output[0].parsed_arguments["city"] in ("Rome", "Oslo")


async def test_a_format_that_is_none(engine: Any) -> None:
    """A schema that is none is a 400 that names it, before the stream begins."""
    wanted = {"type": "json_schema", "name": "paint", "schema": {"type": "nonsense"}}

    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refusal:
            await answered(engine.responses.create(**ASKED, text={"format": wanted}, stream=stream))

        assert refusal.value.param == "text.format"
