"""The limits on items of lists and objects."""

from typing import Any

import msgspec
import pytest

from shim.api.chat.protocol import ChatRequest
from shim.api.completions.protocol import CompletionRequest
from shim.api.embeddings.protocol import EmbeddingRequest
from shim.api.responses.protocol import ResponsesRequest
from shim.api.tokenizer.protocol import TokenizeRequest
from shim.errors import InvalidParameter
from shim.http.json_decoding import Rules, decoded
from shim.limits import Limits

LIMITS = Limits(
    messages=20,
    content_parts=30,
    tools=6,
    prompts=8,
    stop_strings=4,
    logit_bias=5,
    list_items=10,
    json_values=400,
)
RULES = Rules(limits=LIMITS)
USER = {"role": "user", "content": "a"}
CALL = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
TEXT = {"type": "text", "text": "a"}


def chat(**more: Any) -> dict[str, Any]:
    """Return a chat."""
    return {"messages": [USER], **more}


def tool(**parameters: Any) -> dict[str, Any]:
    """Return a tool with these parameters."""
    return {"function": {"name": "f", "parameters": parameters}}


def chat_with_parts(*content: int) -> dict[str, Any]:
    """Return a chat with a message of *count* parts for each count in *content*."""
    return {"messages": [{"role": "user", "content": [TEXT] * count} for count in content]}


CASES: list[tuple[Any, Any, Any, str]] = [
    (ChatRequest, {"messages": [USER] * 20}, {"messages": [USER] * 21}, "messages"),
    (ChatRequest, chat_with_parts(15, 15), chat_with_parts(15, 16), "messages[].content"),
    (
        ChatRequest,
        {"messages": [{"role": "assistant", "tool_calls": [CALL] * 15}] * 2},
        {"messages": [{"role": "assistant", "tool_calls": [CALL] * 16}] * 2},
        "messages[].tool_calls",
    ),
    (ChatRequest, chat(tools=[tool()] * 6), chat(tools=[tool()] * 7), "tools"),
    (ChatRequest, chat(stop=["a"] * 4), chat(stop=["a"] * 5), "stop"),
    (
        ChatRequest,
        chat(logit_bias={str(n): 0 for n in range(5)}),
        chat(logit_bias={str(n): 0 for n in range(6)}),
        "logit_bias",
    ),
    (ChatRequest, chat(bad_words=["a"] * 10), chat(bad_words=["a"] * 11), "bad_words"),
    (
        ChatRequest,
        chat(tools=[tool(enum=[0] * 10)] * 6),
        chat(tools=[tool(enum=[0] * 11)]),
        "tools[].function.parameters[]",
    ),
    (
        ChatRequest,
        chat(chat_template_kwargs={"a": [{"b": {str(n): 0 for n in range(10)}}]}),
        chat(chat_template_kwargs={"a": [{"b": {str(n): 0 for n in range(11)}}]}),
        "chat_template_kwargs[][][]",
    ),
    (
        ChatRequest,
        chat(structured_outputs={"choice": ["a"] * 10}),
        chat(structured_outputs={"choice": ["a"] * 11}),
        "structured_outputs[]",
    ),
    (ChatRequest, chat(documents=[{"a": "b"}] * 10), chat(documents=[{}] * 11), "documents"),
    (CompletionRequest, {"prompt": ["a"] * 8}, {"prompt": ["a"] * 9}, "prompt"),
    (CompletionRequest, {"prompt": [1] * 300}, {"prompt": [[1]] * 9}, "prompt"),
    (EmbeddingRequest, {"input": [[1] * 50] * 5}, {"input": ["a"] * 9}, "input"),
    (TokenizeRequest, {"prompt": [USER] * 20}, {"prompt": [USER] * 21}, "prompt"),
    (
        ResponsesRequest,
        {"input": [{"role": "user", "content": [{}] * 15}] * 2},
        {"input": [{"role": "user", "content": [{}] * 10}] * 4},
        "input[].content",
    ),
    (ResponsesRequest, {"input": [{}] * 20}, {"input": [{}] * 21}, "input"),
    (
        ResponsesRequest,
        {"input": "a", "metadata": {str(n): "" for n in range(10)}},
        {"input": "a", "metadata": {str(n): "" for n in range(11)}},
        "metadata",
    ),
]


@pytest.mark.parametrize(
    ("kind", "most", "more", "param"), CASES, ids=lambda value: str(value)[:40]
)
def test_as_many_as_allowed(kind: Any, most: Any, more: Any, param: str) -> None:
    """At the limit a body is decoded; one item more is refused, with the path of the list."""
    assert decoded(msgspec.json.encode(most), kind, RULES)

    with pytest.raises(
        InvalidParameter, match=r"has \d+ items, more than the \d+ allowed"
    ) as error:
        decoded(msgspec.json.encode(more), kind, RULES)

    assert error.value.param == param


def test_the_usual_limits() -> None:
    """The message has the number of items and the limit."""
    body = msgspec.json.encode({"messages": [USER] * 10_000})

    with pytest.raises(InvalidParameter) as error:
        decoded(body, ChatRequest, Rules(limits=Limits()))

    assert str(error.value) == "`messages` has 10000 items, more than the 4096 allowed."


@pytest.mark.parametrize("kind", [dict, list])
def test_an_object_without_a_type(kind: Any) -> None:
    """Items are counted in a body without a type too, such as an upload's JSON."""
    with pytest.raises(InvalidParameter):
        decoded(msgspec.json.encode({"a": kind([(n, n) for n in range(11)])}), Any, RULES)
    with pytest.raises(InvalidParameter):
        decoded(msgspec.json.encode({str(n): n for n in range(11)}), Any, RULES)


@pytest.mark.parametrize(
    ("body", "fine"),
    [
        ([1] * 400, True),
        ([1] * 401, False),
        ([[]] * 401, False),
        ({str(number): "a,[{" for number in range(400)}, True),
        ({str(number): "a" for number in range(401)}, False),
        (['a\\",[{"' * 100] * 3, True),
        (["\\"] * 399, True),
        ("," * 5000, True),
    ],
    ids=range(8),
)
def test_values(body: Any, fine: bool) -> None:  # noqa: FBT001
    """Numbers, strings, lists and objects count; the text inside a string does not."""
    content = msgspec.json.encode(body)
    rules = Rules(limits=Limits(json_values=400))

    if fine:
        assert decoded(content, Any, rules) == body
    else:
        with pytest.raises(InvalidParameter, match="more than the 400 values"):
            decoded(content, Any, rules)
