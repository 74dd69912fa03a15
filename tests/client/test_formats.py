"""Required formats, and the helpers of the stock client that build on them."""

import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tests.client.forced import CALL, QUESTION, TOOLS, forced
from tests.client.stock import answered, iterated, opened

CHAT = {"model": "gpt-4o-mini", "messages": QUESTION, "temperature": 0}


class Paint(BaseModel):
    """What the answer has to be."""

    colour: Literal["red", "blue", "Rome", "Oslo"]


def schema(**content: Any) -> dict[str, Any]:
    """Return a `response_format` of that schema."""
    return {"type": "json_schema", "json_schema": {"name": "paint", "schema": content}}


async def test_parse(engine: Any) -> None:
    """`chat.completions.parse` returns an object of the model's class."""
    completion = await answered(engine.chat.completions.parse(**CHAT, response_format=Paint))

    assert completion.choices[0].message.parsed.colour


async def test_parse_calls(engine: Any) -> None:
    """So it does for the arguments of a strict tool."""
    tool = openai.pydantic_function_tool(Paint, name="paint")
    request = forced(CALL.replace("weather", "paint").replace("city", "colour"), tools=[tool])

    completion = await answered(engine.chat.completions.parse(**request))

    [call] = completion.choices[0].message.tool_calls
    assert call.function.parsed_arguments.colour in ("Rome", "Oslo")


async def test_the_stream_helper(engine: Any) -> None:
    """`.stream()` parses what has come so far and in the end, with a format and with tools."""
    for more in ({"response_format": Paint}, {"tools": [openai.pydantic_function_tool(Paint)]}):
        async with opened(engine.chat.completions.stream(**CHAT, **more, max_tokens=100)) as stream:
            names = [event.type async for event in iterated(stream)]
            final = await answered(stream.get_final_completion())

        assert names[-1] in ("content.done", "chunk")
        assert final.choices[0].message.content


async def test_json_object(engine: Any) -> None:
    """The text is the beginning of a JSON object, at least."""
    completion = await answered(
        engine.chat.completions.create(
            **CHAT, response_format={"type": "json_object"}, max_tokens=30
        )
    )

    assert completion.choices[0].message.content.lstrip().startswith("{")


async def test_a_schema_is_kept(engine: Any) -> None:
    """What the schema allows is all that comes."""
    completion = await answered(
        engine.chat.completions.create(**CHAT, response_format=schema(enum=["red", "blue"]))
    )

    assert json.loads(completion.choices[0].message.content) in ("red", "blue")


COLOURS = {"type": "object", "properties": {"colour": {"enum": ["red"]}}, "required": ["colour"]}
CONSTRAINTS: list[dict[str, Any]] = [
    {"structured_outputs": {"regex": r"\p{L}+!"}},
    {"structured_outputs": {"choice": ["red", "blue"]}},
    {"response_format": schema(**COLOURS)},
    {"structured_outputs": {"grammar": 'root ::= "red" | "blue"'}},
    {"tools": TOOLS, "tool_choice": "required"},
]


@pytest.mark.parametrize("first", range(len(CONSTRAINTS)))
async def test_whoever_comes_first(engine: Any, first: int) -> None:
    """After each kind of constraint each other one is answered."""
    for body in (*CONSTRAINTS[first:], *CONSTRAINTS[:first]):
        completion = await answered(
            engine.chat.completions.create(**CHAT, extra_body=body, max_tokens=60)
        )

        assert completion.choices[0].finish_reason in ("stop", "tool_calls")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"regex": "(?=a)b"}, "look-around"),
        ({"regex": "(("}, "unclosed group"),
        ({"grammar": "root ::= ("}, "EBNF parser error"),
        ({"grammar": "start: ("}, "Lark error"),
        ({"json": {"type": "string", "not": {"const": "a"}}}, "not"),
        ({"choice": ["a", 1]}, r"choice\[1\]"),
    ],
)
async def test_the_engine_says_why(engine: Any, wanted: dict[str, Any], words: str) -> None:
    """A constraint that cannot be held is refused with the grammar engine's own reason."""
    with pytest.raises(openai.BadRequestError, match=words) as refusal:
        await answered(
            engine.chat.completions.create(**CHAT, extra_body={"structured_outputs": wanted})
        )

    assert refusal.value.param == "structured_outputs"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"response_format": schema(type="nonsense")}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"extra_body": {"structured_outputs": {"regex": "(("}}}, "structured_outputs"),
        ({"extra_body": {"structured_outputs": {"nonsense": 1}}}, "structured_outputs"),
        (
            {"extra_body": {"structured_outputs": {"regex": "a", "choice": ["a"]}}},
            "structured_outputs",
        ),
    ],
)
async def test_bad_formats(engine: Any, body: dict[str, Any], param: str | None) -> None:
    """A format that is none is a 400 that names it, before the stream begins."""
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refusal:
            await answered(engine.chat.completions.create(**CHAT, **body, stream=stream))

        assert refusal.value.param == param


async def test_raw_responses(engine: Any) -> None:
    """The raw answer has the request's id, and parses to the same."""
    raw = await answered(
        engine.chat.completions.with_raw_response.create(**CHAT, tools=TOOLS, max_tokens=20)
    )

    assert raw.headers["x-request-id"].startswith("req_")
    assert (await answered(raw.parse())).choices[0].finish_reason in ("stop", "length")
