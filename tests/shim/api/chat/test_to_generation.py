"""Chat requests as generations: which values reach the engine, which are refused."""

from typing import Any

import pytest

from backends.base import Generation, JsonFormat, Sampling
from backends.conversation import Conversation, Media, Message, NamedTool, Tool, ToolCall
from shim.api.chat.protocol import ChatRequest
from shim.api.chat.translate import to_generation
from shim.errors import InvalidParameter, UnsupportedParameter
from tests.shim.wire import read

SUM = {"name": "sum", "arguments": "{}"}
WAV = {"data": "AA==", "format": "wav"}
WEATHER = {"name": "weather", "description": "Tells it.", "parameters": {"type": "object"}}
SCHEMALESS = {"type": "json_schema", "json_schema": {"name": "a"}}
TOOLS = [{"type": "function", "function": WEATHER}]


def request(**fields: Any) -> ChatRequest:
    """Return a request with *fields* as it is decoded from JSON."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return read(body, ChatRequest)


def sampling(**fields: Any) -> Sampling:
    """Return the sampling parameters of a request with *fields*."""
    return to_generation(request(**fields)).sampling


def test_nothing_is_invented() -> None:
    """A request without sampling parameters sets none for the engine."""
    generation = to_generation(request())

    message = Message(role="user", content="hi")
    assert generation == Generation(
        prompt=Conversation((message,)), sampling=Sampling(), stream=False
    )


def test_nothing_is_dropped() -> None:
    """Every value of a full request reaches the engine."""
    values: dict[str, Any] = {
        "n": 2,
        "temperature": 0.0,
        "top_p": 0.0,
        "top_k": 5,
        "min_p": 0.1,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
        "repetition_penalty": 1.2,
        "seed": 0,
        "logit_bias": {5: -100.0},
    }

    parameters = sampling(**values, max_tokens=3, stop=["a", "b"], logprobs=True, top_logprobs=4)

    assert parameters == Sampling(max_tokens=3, stop=("a", "b"), top_logprobs=4, **values)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": 3}, 3),
        ({"max_completion_tokens": 4}, 4),
        ({"max_tokens": 3, "max_completion_tokens": 4}, 4),
        ({"max_output_tokens": 5}, 5),
        ({"max_output_tokens": 5, "max_completion_tokens": 5}, 5),
        ({"max_tokens": None, "max_completion_tokens": None}, None),
    ],
)
def test_limits(fields: dict[str, Any], limit: int | None) -> None:
    """All three names of the limit are accepted; of chat's own two the newer one counts."""
    assert sampling(**fields).max_tokens == limit


@pytest.mark.parametrize(
    ("stop", "strings"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        ("a", ("a",)),
        (["a", "", "b"], ("a", "b")),
        (list("abcdef"), tuple("abcdef")),
    ],
)
def test_stop_strings(stop: Any, strings: tuple[str, ...]) -> None:
    """`stop` is a string or a list of strings; empty ones, which match everywhere, are dropped."""
    assert sampling(stop=stop).stop == strings


@pytest.mark.parametrize(
    ("fields", "top_logprobs"),
    [
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": True}, 0),
        ({"top_logprobs": 0}, None),
        ({"logprobs": False, "top_logprobs": 0}, None),
        ({"logprobs": False, "top_logprobs": None}, None),
        ({"logprobs": True, "top_logprobs": 0}, 0),
        ({"logprobs": True, "top_logprobs": 20}, 20),
    ],
)
def test_logprobs(fields: dict[str, Any], top_logprobs: int | None) -> None:
    """None of the tokens, the generated one alone (0), or also the most probable ones."""
    assert sampling(**fields).top_logprobs == top_logprobs


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "user", "content": "a"}, Message(role="user", content="a")),
        ({"role": "assistant", "content": None}, Message(role="assistant", content="")),
        ({"role": "assistant"}, Message(role="assistant", content="")),
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}] * 2},
            Message(role="user", content=("a", "a")),
        ),
        (
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            Message(role="assistant", content=("no",)),
        ),
        (
            {"role": "assistant", "content": None, "refusal": "no"},
            Message(role="assistant", content="no"),
        ),
        (
            {"role": "tool", "content": "4", "name": "sum", "tool_call_id": "x"},
            Message(role="tool", content="4", name="sum", tool_call_id="x"),
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "x", "type": "function", "function": SUM}]},
            Message(role="assistant", content="", tool_calls=(ToolCall(id="x", **SUM),)),
        ),
        (
            {"role": "assistant", "content": "7", "reasoning_content": "3 + 4"},
            Message(role="assistant", content="7", reasoning="3 + 4"),
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,a"}}]},
            Message(role="user", content=(Media("image", "data:,a"),)),
        ),
        (
            {"role": "user", "content": [{"type": "video_url", "video_url": "data:,a"}]},
            Message(role="user", content=(Media("video", "data:,a"),)),
        ),
        (
            {"role": "user", "content": [{"type": "audio_url", "audio_url": {"url": "data:,a"}}]},
            Message(role="user", content=(Media("audio", "data:,a"),)),
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": WAV}]},
            Message(role="user", content=(Media("audio", "data:audio/wav;base64,AA=="),)),
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA=="}}]},
            Message(role="user", content=(Media("audio", "data:audio/wav;base64,AA=="),)),
        ),
        (
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_audio",
                        "input_audio": {"data": "DATA:audio/ogg;base64,AA==", "format": "x-Ogg"},
                    }
                ],
            },
            Message(role="user", content=(Media("audio", "DATA:audio/ogg;base64,AA=="),)),
        ),
        (
            {"role": "user", "content": "a", "name": None, "tool_calls": None},
            Message(role="user", content="a"),
        ),
    ],
)
def test_messages(message: dict[str, Any], expected: Message) -> None:
    """Each form of a message, explicit nulls included."""
    assert to_generation(request(messages=[message])).prompt == Conversation((expected,))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"top_logprobs": 1}, "top_logprobs"),
        ({"logprobs": False, "top_logprobs": 1}, "top_logprobs"),
        ({"max_tokens": 3, "max_output_tokens": 4}, "max_tokens"),
        ({"response_format": SCHEMALESS}, "response_format.json_schema.schema"),
        (
            {"response_format": {**SCHEMALESS, "json_schema": {"name": "a", "schema": None}}},
            "response_format.json_schema.schema",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"messages": [{"role": "assistant", "content": "a", "refusal": "b"}]},
            "messages[0].refusal",
        ),
        ({"continue_final_message": True, "add_generation_prompt": True}, "continue_final_message"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_invalid(fields: dict[str, Any], param: str) -> None:
    """An invalid value is refused, and the error names its field."""
    with pytest.raises(InvalidParameter) as refusal:
        to_generation(request(**fields))

    assert refusal.value.param == param


NOT_HONOURED: list[tuple[str, Any, Any]] = [
    ("use_beam_search", True, False),
    ("length_penalty", 0.5, 1.0),
    ("logprob_token_ids", [1], []),
    ("return_tokens_as_token_ids", True, False),
    ("echo", True, False),
    ("functions", [{"name": "f"}], []),
    ("function_call", {"name": "f"}, "none"),
    ("modalities", ["text", "audio"], ["text"]),
    ("audio", {"voice": "a"}, None),
    ("verbosity", "low", "medium"),
    ("web_search_options", {}, None),
]


@pytest.mark.parametrize(("name", "refused", "harmless"), NOT_HONOURED)
def test_unsupported(name: str, refused: Any, harmless: Any) -> None:
    """A value that would change the answer is refused; one that would not is accepted."""
    with pytest.raises(UnsupportedParameter, match=f"`{name}` is not supported") as refusal:
        to_generation(request(**{name: refused}))

    assert refusal.value.param == name
    for value in (harmless, None):
        assert to_generation(request(**{name: value})) == to_generation(request())


@pytest.mark.parametrize("name", ["function_call", "audio"])
def test_unsupported_in_messages(name: str) -> None:
    """The same holds for the fields of a message."""
    message = {"role": "assistant", "content": "a", name: ["something"]}

    with pytest.raises(UnsupportedParameter) as refusal:
        to_generation(request(messages=[{"role": "user", "content": "a"}, message]))

    assert refusal.value.param == f"messages[1].{name}"


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, "auto"),
        ({"tool_choice": None}, "auto"),
        ({"tool_choice": "none"}, "none"),
        ({"tool_choice": "required"}, "required"),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            NamedTool("weather"),
        ),
    ],
)
def test_tools(fields: dict[str, Any], choice: Any) -> None:
    """Tools reach the engine as they were sent; without `tool_choice` the model chooses."""
    prompt = to_generation(request(tools=TOOLS, parallel_tool_calls=False, **fields)).prompt

    assert isinstance(prompt, Conversation)
    assert prompt.tools == (Tool(**WEATHER),)
    assert prompt.tool_choice == choice
    assert not prompt.parallel_tool_calls


@pytest.mark.parametrize(
    ("response_format", "expected"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, JsonFormat()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            JsonFormat(schema={"type": "object"}, name="n"),
        ),
    ],
)
def test_formats(response_format: Any, expected: JsonFormat | None) -> None:
    """The three forms of OpenAI's `response_format`."""
    assert to_generation(request(response_format=response_format)).format == expected


@pytest.mark.parametrize(
    ("name", "value", "neutral"),
    [
        ("min_tokens", 5, 0),
        ("ignore_eos", True, False),
        ("stop_token_ids", [2], []),
        ("bad_words", ["no"], []),
        ("prompt_logprobs", 0, None),
        ("structured_outputs", {"choice": ["a", "b"]}, {}),
        ("reasoning_effort", "none", None),
        ("include_reasoning", False, True),
        ("skip_special_tokens", False, None),
        ("skip_special_tokens", True, None),
        ("return_token_ids", True, False),
        ("priority", 1, 0),
    ],
)
def test_extras(name: str, value: Any, neutral: Any) -> None:
    """Parameters of vLLM keep their names; their neutral values are left out."""
    assert to_generation(request(**{name: value})).engine_options == {name: value}
    assert to_generation(request(**{name: neutral})).engine_options == {}


def test_where_the_prompt_ends() -> None:
    """A final message that is continued is not followed by a new turn of the assistant."""
    prompt = to_generation(request(continue_final_message=True)).prompt

    assert isinstance(prompt, Conversation)
    assert prompt.continue_final_message
    assert not prompt.add_generation_prompt


def test_template_variables() -> None:
    """Variables of the chat template reach the engine."""
    prompt = to_generation(request(chat_template_kwargs={"enable_thinking": False})).prompt

    assert isinstance(prompt, Conversation)
    assert prompt.template_kwargs == {"enable_thinking": False}
