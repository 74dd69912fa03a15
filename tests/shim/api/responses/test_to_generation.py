"""Response requests as generations: which values reach the engine, which are refused."""

from typing import Any

import pytest

from backends.base import Generation, JsonFormat, Sampling
from backends.conversation import Conversation, Media, Message, NamedTool, Tool, ToolCall
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.translate import to_generation
from shim.errors import InvalidParameter, UnsupportedParameter
from tests.shim.wire import read

WEATHER = {"name": "weather", "description": "Tells it.", "parameters": {"type": "object"}}
CALL = {"type": "function_call", "call_id": "x", "name": "weather", "arguments": "{}"}
CALLED = ToolCall(id="x", name="weather", arguments="{}")
SUNNY = {"type": "function_call_output", "call_id": "x", "output": "sunny"}
REASONING = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]}
ANSWER = {"role": "assistant", "content": "ok"}


def generation(**fields: Any) -> Generation:
    """Return the generation of a request with *fields*."""
    body = {"model": "m", "input": "hi", **fields}
    return to_generation(read(body, ResponsesRequest)).generation


def conversation(**fields: Any) -> Conversation:
    """Return the conversation of a request with *fields*."""
    prompt = generation(**fields).prompt
    assert isinstance(prompt, Conversation)
    return prompt


def messages(*items: Any) -> list[Message]:
    """Return the messages of a request with these items."""
    return list(conversation(input=list(items)).messages)


def test_nothing_is_invented() -> None:
    """A text is a user's message; a request without parameters sets none for the engine."""
    message = Message(role="user", content="hi")
    assert generation() == Generation(
        prompt=Conversation((message,)), sampling=Sampling(), stream=False
    )


def test_nothing_is_dropped() -> None:
    """Every value reaches the engine, OpenAI's and vLLM's own."""
    values: dict[str, Any] = {"temperature": 0.0, "top_p": 0.5, "top_k": 5, "seed": 0}

    result = generation(
        **values, max_output_tokens=3, stop="a", top_logprobs=4, stream=True, min_tokens=2
    )

    assert result.sampling == Sampling(max_tokens=3, stop=("a",), top_logprobs=4, **values)
    assert result.stream
    assert result.engine_options == {"min_tokens": 2}


@pytest.mark.parametrize("name", ["max_output_tokens", "max_completion_tokens", "max_tokens"])
def test_limits(name: str) -> None:
    """The limit has the names of all three text routes."""
    assert generation(**{name: 3}).sampling.max_tokens == 3


def test_limits_that_differ() -> None:
    """Different limits by two names are refused: it is unknown which one is meant."""
    with pytest.raises(InvalidParameter) as refusal:
        generation(max_output_tokens=3, max_tokens=4)

    assert refusal.value.param == "max_tokens"


@pytest.mark.parametrize(
    "fields",
    [
        {"text": {"format": None}, "reasoning": {}},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True},
        {"include": [], "top_logprobs": 0, "logprobs": False},
        {"store": False, "service_tier": "auto", "background": False, "truncation": "disabled"},
        {"response_format": {"type": "text"}, "messages": [], "reasoning_effort": None},
        {"n": None, "stream_options": None},
    ],
)
def test_neutral_values(fields: dict[str, Any]) -> None:
    """Values that would not change the answer are accepted without effect."""
    assert generation(**fields) == generation()


def test_instructions() -> None:
    """Instructions become a system message, before all others."""
    prompt = conversation(instructions="be brief", input=[{"role": "developer", "content": "b"}])

    assert list(prompt.messages) == [
        Message(role="system", content="be brief"),
        Message(role="developer", content="b"),
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"role": "user", "content": "a"}, Message(role="user", content="a")),
        ({"type": None, "role": "user", "content": "a"}, Message(role="user", content="a")),
        (
            {"type": "message", "role": "system", "content": "a"},
            Message(role="system", content="a"),
        ),
        (
            {"role": "user", "content": [{"type": "input_text", "text": "a"}] * 2},
            Message(role="user", content=("a", "a")),
        ),
        (
            {
                "role": "assistant",
                "id": "msg_1",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
                    {"type": "refusal", "refusal": "no"},
                ],
            },
            Message(role="assistant", content=("a", "no")),
        ),
        (
            SUNNY | {"output": [{"type": "input_text", "text": "sunny"}]},
            Message(role="tool", content=("sunny",), tool_call_id="x"),
        ),
    ],
)
def test_items(item: dict[str, Any], expected: Message) -> None:
    """Each form of an item that is a message of its own."""
    assert messages(item) == [expected]


@pytest.mark.parametrize(
    ("part", "medium"),
    [
        (
            {"type": "input_image", "image_url": "data:image/png;base64,a", "detail": "auto"},
            Media("image", "data:image/png;base64,a"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            Media("audio", "data:audio/wav;base64,AA=="),
        ),
        (
            {"type": "input_audio", "audio_url": "data:audio/ogg;base64,AA=="},
            Media("audio", "data:audio/ogg;base64,AA=="),
        ),
        (
            {"type": "input_audio", "audio_url": {"url": "data:audio/ogg;base64,AA=="}},
            Media("audio", "data:audio/ogg;base64,AA=="),
        ),
        (
            {"type": "input_file", "filename": "a.mp4", "file_data": "data:video/mp4;base64,a"},
            Media("video", "data:video/mp4;base64,a"),
        ),
    ],
)
def test_media(part: dict[str, Any], medium: Media) -> None:
    """Images, recordings, and files by their media type."""
    assert messages({"role": "user", "content": [part]}) == [
        Message(role="user", content=(medium,))
    ]


@pytest.mark.parametrize(
    ("items", "turns"),
    [
        ([CALL, CALL], [Message(role="assistant", content="", tool_calls=(CALLED, CALLED))]),
        (
            [REASONING, ANSWER, CALL, SUNNY],
            [
                Message(role="assistant", content="ok", reasoning="hm", tool_calls=(CALLED,)),
                Message(role="tool", content="sunny", tool_call_id="x"),
            ],
        ),
        (
            [ANSWER, ANSWER],
            [Message(role="assistant", content="ok"), Message(role="assistant", content="ok")],
        ),
        (
            [ANSWER, REASONING, CALL],
            [
                Message(role="assistant", content="ok"),
                Message(role="assistant", content="", reasoning="hm", tool_calls=(CALLED,)),
            ],
        ),
        (
            [REASONING, REASONING, ANSWER],
            [Message(role="assistant", content="ok", reasoning="hm\nhm")],
        ),
        (
            [CALL, SUNNY, CALL],
            [
                Message(role="assistant", content="", tool_calls=(CALLED,)),
                Message(role="tool", content="sunny", tool_call_id="x"),
                Message(role="assistant", content="", tool_calls=(CALLED,)),
            ],
        ),
    ],
)
def test_turns_of_the_assistant(items: list[Any], turns: list[Message]) -> None:
    """Reasoning, text and calls that follow each other are one message."""
    assert messages(*items) == turns


@pytest.mark.parametrize(
    ("item", "reasoning"),
    [
        (REASONING, "hm"),
        (
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "in short"}]},
            "in short",
        ),
        (REASONING | {"summary": [{"type": "summary_text", "text": "in short"}]}, "hm"),
        ({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None}, None),
    ],
)
def test_reasoning(item: dict[str, Any], reasoning: str | None) -> None:
    """Reasoning is the item's text, or else its summary; an empty item is ignored."""
    assert messages(item, ANSWER) == [Message(role="assistant", content="ok", reasoning=reasoning)]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, "auto"),
        ({"tool_choice": None}, "auto"),
        ({"tool_choice": "none"}, "none"),
        ({"tool_choice": "required"}, "required"),
        ({"tool_choice": {"type": "function", "name": "weather"}}, NamedTool("weather")),
    ],
)
def test_tools(fields: dict[str, Any], choice: Any) -> None:
    """Tools have no inner `function`; without `tool_choice` the model chooses."""
    tools = [{"type": "function", **WEATHER, "strict": True}]

    prompt = conversation(tools=tools, parallel_tool_calls=False, **fields)

    assert prompt.tools == (Tool(**WEATHER, strict=True),)
    assert prompt.tool_choice == choice
    assert not prompt.parallel_tool_calls


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ({}, None),
        ({"format": {"type": "text"}, "verbosity": "medium"}, None),
        ({"format": {"type": "json_object"}}, JsonFormat()),
        (
            {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
            JsonFormat(schema={"type": "object"}, name="n"),
        ),
    ],
)
def test_formats(text: Any, expected: JsonFormat | None) -> None:
    """The three forms of `text.format`."""
    assert generation(text=text).format == expected


@pytest.mark.parametrize(
    ("fields", "top_logprobs"),
    [
        ({}, None),
        ({"top_logprobs": 0}, None),
        ({"include": ["reasoning.encrypted_content"]}, None),
        ({"include": ["message.output_text.logprobs"]}, 0),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 3}, 3),
        ({"top_logprobs": 3}, 3),
    ],
)
def test_logprobs(fields: dict[str, Any], top_logprobs: int | None) -> None:
    """`include` requests log probabilities, and so does `top_logprobs` above 0."""
    assert generation(**fields).sampling.top_logprobs == top_logprobs


def test_effort() -> None:
    """The effort becomes chat's `reasoning_effort`; a summary does not concern the engine."""
    assert generation(reasoning={"effort": "low", "summary": "auto"}).engine_options == {
        "reasoning_effort": "low"
    }
    assert generation(reasoning={"summary": "auto"}).engine_options == {}


NOT_HONOURED: list[tuple[str, Any, Any]] = [
    ("previous_response_id", "resp_1", None),
    ("conversation", "conv_1", None),
    ("prompt", {"id": "p"}, None),
    ("background", True, False),
    ("truncation", "auto", "disabled"),
    ("context_management", [{"type": "compaction"}], []),
    ("moderation", {"model": "m"}, None),
    ("n", 2, 1),
    ("prompt_logprobs", 0, None),
    ("return_token_ids", True, False),
    ("use_beam_search", True, False),
    ("text.verbosity", "low", "medium"),
    ("reasoning.mode", "pro", "standard"),
    ("reasoning.context", "all_turns", "auto"),
]


@pytest.mark.parametrize(("name", "refused", "harmless"), NOT_HONOURED)
def test_unsupported(name: str, refused: Any, harmless: Any) -> None:
    """A value that would change the answer is refused; one that would not is accepted."""
    field, _, within = name.partition(".")

    def fields(value: Any) -> dict[str, Any]:
        return {field: {within: value} if within else value}

    with pytest.raises(UnsupportedParameter, match=f"`{name}` is not supported") as refusal:
        generation(**fields(refused))

    assert refusal.value.param == name
    for value in (harmless, None):
        assert generation(**fields(value)) == generation()


@pytest.mark.parametrize(
    "fields",
    [
        {"store": True},
        {"store": False},
        {"user": "u", "safety_identifier": "s", "metadata": {"a": "b"}},
        {"service_tier": "flex", "prompt_cache_key": "k", "max_tool_calls": 3},
        {"stream_options": {"include_obfuscation": False}},
    ],
)
def test_without_consequence(fields: dict[str, Any]) -> None:
    """Fields that concern OpenAI's platform only do not change the generation."""
    assert generation(**fields) == generation()


def user(*content: Any) -> dict[str, Any]:
    """Return a user's message with these parts."""
    return {"role": "user", "content": list(content)}


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "user"}, "input[1].content"),
        ({"content": "a"}, "input[1].role"),
        ({"role": "nobody", "content": "a"}, "input[1].role"),
        ({"type": "web_search_call"}, "input[1].type"),
        ({"type": "function_call", "name": "f", "arguments": "{}"}, "input[1].call_id"),
        (user({"type": "input_text", "text": "a"}, {"type": "x"}), "input[1].content[1].type"),
        (user({"type": "input_text", "text": 3}), "input[1].content[0].text"),
    ],
)
def test_invalid(item: dict[str, Any], param: str) -> None:
    """An invalid item is refused, and the error has its path."""
    with pytest.raises(InvalidParameter) as refusal:
        messages(ANSWER, item)

    assert refusal.value.param == param


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "input[1]"),
        (REASONING | {"encrypted_content": "xyz"}, "input[1].encrypted_content"),
        (user({"type": "input_image", "file_id": "f"}), "input[1].content[0]"),
        (user({"type": "input_file", "file_url": "https://a"}), "input[1].content[0]"),
        (
            user({"type": "input_file", "file_data": "data:application/pdf;base64,a"}),
            "input[1].content[0].file_data",
        ),
        (SUNNY | {"output": [{"type": "input_file", "file_id": "f"}]}, "input[1].output[0]"),
    ],
)
def test_unsupported_items(item: dict[str, Any], param: str) -> None:
    """So is an item that only a server with stored items or files can read."""
    with pytest.raises(UnsupportedParameter) as refusal:
        messages(ANSWER, item)

    assert refusal.value.param == param
