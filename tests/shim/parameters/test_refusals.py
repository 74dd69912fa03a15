"""Parameters that are not honoured: refused by their path, ignored, or unknown."""

from typing import Any

import pytest

from shim.api.chat.protocol import ChatRequest
from shim.api.completions.protocol import CompletionRequest
from shim.api.embeddings.protocol import EmbeddingRequest
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.translate import to_generation
from shim.api.tokenizer.protocol import DetokenizeRequest, TokenizeRequest
from shim.errors import UnsupportedParameter
from shim.parameters.derived_types import refused_names
from shim.parameters.refusals import refuse_unknown_names
from shim.parameters.rules import Ignored
from shim.parameters.table import rules_of, wire_names
from tests.shim.wire import read

USER = {"role": "user", "content": "a"}
BODIES: dict[Any, dict[str, Any]] = {
    ChatRequest: {"messages": [USER]},
    CompletionRequest: {"prompt": "a"},
    ResponsesRequest: {"input": "a"},
    EmbeddingRequest: {"input": "a"},
    TokenizeRequest: {"prompt": "a"},
    DetokenizeRequest: {"tokens": [1]},
}
SOMETHING = {"something": "else"}
REFUSED = [
    (kind, name)
    for kind in BODIES
    for name in sorted(refused_names(kind).keys() - wire_names(kind))
]
IGNORED = [
    (kind, name)
    for kind in BODIES
    for name, rule in rules_of(kind).items()
    if isinstance(rule, Ignored) and name not in wire_names(kind)
]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("kind", "name"), REFUSED)
def test_refused_names(kind: Any, name: str, *, strict: bool) -> None:
    """A name that would change the answer is refused in both modes, but not with its defaults."""
    with pytest.raises(UnsupportedParameter, match=f"^`{name}` is not supported") as refusal:
        read({**BODIES[kind], name: SOMETHING}, kind, strict=strict)

    assert refusal.value.param == name
    for harmless in (None, *refused_names(kind)[name].unless):
        assert read({**BODIES[kind], name: harmless}, kind, strict=strict)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("kind", "name"), IGNORED)
def test_ignored_names(kind: Any, name: str, *, strict: bool) -> None:
    """A name that cannot change the answer may have any value in both modes."""
    assert read({**BODIES[kind], name: SOMETHING}, kind, strict=strict) == read(BODIES[kind], kind)


CHAT: list[tuple[dict[str, Any], str]] = [
    ({"guided_json": {"type": "object"}}, "structured_outputs"),
    ({"guided_json": {}}, "structured_outputs"),
    ({"guided_decoding_backend": "outlines"}, "structured_outputs"),
    ({"guided_whitespace_pattern": " "}, "structured_outputs"),
    ({"repeat_penalty": 1.1}, "repetition_penalty"),
    ({"functions": [{"name": "f"}]}, "tools"),
    ({"instructions": "be brief"}, "role `system`"),
    ({"text": {"format": {"type": "json_object"}}}, "response_format"),
    ({"suffix": "b"}, "/v1/completions"),
]


@pytest.mark.parametrize(("fields", "hint"), CHAT)
def test_hints(fields: dict[str, Any], hint: str) -> None:
    """A refusal has a hint about what to do instead."""
    with pytest.raises(UnsupportedParameter, match=hint):
        read({**BODIES[ChatRequest], **fields}, ChatRequest)


@pytest.mark.parametrize("value", [{"prompt_logprobs": 0}, {"n": 2}, {"response_format": {"a": 1}}])
def test_zero_is_not_false(value: dict[str, Any]) -> None:
    """The number 0 is not accepted in place of false, unless false is a default."""
    with pytest.raises(UnsupportedParameter):
        read({"input": "a", **value}, ResponsesRequest)


def test_false_where_the_default_is_true() -> None:
    """False is refused if true is the default."""
    with pytest.raises(UnsupportedParameter):
        read({"input": "a", "add_generation_prompt": False}, ResponsesRequest)


CALL = {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WITHIN: list[tuple[Any, dict[str, Any], str]] = [
    (ChatRequest, {"messages": [USER, {**USER, "audio": {"id": "a"}}]}, "messages[1].audio"),
    (ChatRequest, {"messages": [{**USER, "task": "translate"}]}, "messages[0].task"),
    (
        ChatRequest,
        {"stream": True, "stream_options": {"continuous_usage_stats": True}},
        "stream_options.continuous_usage_stats",
    ),
    (
        ChatRequest,
        {"tools": [{"function": {"name": "f", "defer_loading": True}}]},
        "tools[0].function.defer_loading",
    ),
    (
        ChatRequest,
        {"response_format": {"type": "json_object", "json_schema": {"name": "a"}}},
        "response_format.json_schema",
    ),
    (
        ChatRequest,
        {"response_format": {"type": "json_object", "schema": {"type": "object"}}},
        "response_format.schema",
    ),
    (ResponsesRequest, {"text": {"verbosity": "low"}}, "text.verbosity"),
    (
        ResponsesRequest,
        {"tools": [{"name": "f", "allowed_callers": ["programmatic"]}]},
        "tools[0].allowed_callers",
    ),
    (TokenizeRequest, {"prompt": [{**USER, "tools": [1]}]}, "prompt[0].tools"),
]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("kind", "fields", "path"), WITHIN)
def test_refused_names_at_depth(
    kind: Any, fields: dict[str, Any], path: str, *, strict: bool
) -> None:
    """A name deeper in a body is refused by its path."""
    with pytest.raises(UnsupportedParameter, match="is not supported by this server") as refusal:
        read({**BODIES[kind], **fields}, kind, strict=strict)

    assert refusal.value.param == path


PART = {"type": "text", "text": "a"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:", "detail": "low"}}
SCHEMA = {"name": "n", "schema": {"type": "object", "anything": 1}}
UNKNOWN: list[tuple[Any, dict[str, Any], str]] = [
    (ChatRequest, {"messages": [{**USER, "foo": 1}]}, "messages[0].foo"),
    (
        ChatRequest,
        {"messages": [{"role": "user", "content": [PART, {**PART, "foo": 1}]}]},
        "messages[0].content[1].foo",
    ),
    (
        ChatRequest,
        {"messages": [{"role": "user", "content": [{**IMAGE, "image_url": {"url": "", "x": 1}}]}]},
        "messages[0].content[0].image_url.x",
    ),
    (
        ChatRequest,
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "foo": 1}]}]},
        "messages[0].tool_calls[0].foo",
    ),
    (ChatRequest, {"stream": True, "stream_options": {"foo": 1}}, "stream_options.foo"),
    (
        ChatRequest,
        {"response_format": {"type": "text", "schema": {}}},
        "response_format.schema",
    ),
    (
        ChatRequest,
        {"response_format": {"type": "json_schema", "json_schema": {**SCHEMA, "foo": 1}}},
        "response_format.json_schema.foo",
    ),
    (ChatRequest, {"tools": [{"function": {"name": "f", "foo": 1}}]}, "tools[0].function.foo"),
    (
        ChatRequest,
        {
            "tools": [],
            "tool_choice": {"function": {"name": "f"}, "x": 1},
        },
        "tool_choice.x",
    ),
    (CompletionRequest, {"stream_options": {"foo": 1}, "stream": True}, "stream_options.foo"),
    (
        ChatRequest,
        {"structured_outputs": {"choice": ["a"], "choices": 1}},
        "structured_outputs.choices",
    ),
    (ResponsesRequest, {"repetition_detection": {"foo": 1}}, "repetition_detection.foo"),
    (ResponsesRequest, {"text": {"foo": 1}}, "text.foo"),
    (ResponsesRequest, {"text": {"format": {"type": "text", "foo": 1}}}, "text.format.foo"),
    (ResponsesRequest, {"reasoning": {"foo": 1}}, "reasoning.foo"),
    (ResponsesRequest, {"tools": [{"name": "f", "foo": 1}]}, "tools[0].foo"),
    (ResponsesRequest, {"stream_options": {"include_usage": True}}, "stream_options.include_usage"),
    (TokenizeRequest, {"prompt": [{**USER, "foo": 1}]}, "prompt[0].foo"),
]


@pytest.mark.parametrize(("kind", "fields", "path"), UNKNOWN)
def test_undocumented_names_at_depth(kind: Any, fields: dict[str, Any], path: str) -> None:
    """An undocumented name at any depth is refused in strict mode, and otherwise ignored."""
    assert read({**BODIES[kind], **fields}, kind)

    with pytest.raises(UnsupportedParameter, match="refused in strict mode") as refusal:
        read({**BODIES[kind], **fields}, kind, strict=True)

    assert refusal.value.param == path


DOCUMENTED: list[tuple[Any, dict[str, Any]]] = [
    (ChatRequest, {"messages": [{"role": "user", "content": [PART, IMAGE]}]}),
    (
        ChatRequest,
        {
            "messages": [
                USER,
                # An answer of the stock client's, dumped whole and sent back.
                {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "annotations": [],
                    "audio": None,
                    "function_call": None,
                    "tool_calls": [{**CALL, "index": 0}],
                    "reasoning_content": "hm",
                },
            ]
        },
    ),
    (ChatRequest, {"response_format": {"type": "json_schema", "json_schema": SCHEMA}}),
    (ChatRequest, {"response_format": {"type": "text", "json_schema": None}}),
    (ChatRequest, {"stream": True, "stream_options": {"include_obfuscation": False}}),
    (ChatRequest, {"chat_template_kwargs": {"anything": {"at": ["all"]}}}),
    (ChatRequest, {"structured_outputs": {"json": {"anything": 1}}}),
    (ResponsesRequest, {"stream_options": {"include_obfuscation": False}, "max_tool_calls": 1}),
    (ResponsesRequest, {"reasoning": {"generate_summary": "auto"}}),
]


@pytest.mark.parametrize(("kind", "fields"), DOCUMENTED)
def test_documented_names_at_depth(kind: Any, fields: dict[str, Any]) -> None:
    """Strict mode accepts documented names, and any names in free form."""
    body = {**BODIES[kind], **fields}

    assert read(body, kind, strict=True) == read(body, kind)


TEXT = {"type": "input_text", "text": "a"}
ITEM = {"type": "message", "role": "user", "content": [TEXT]}
ITEMS: list[tuple[dict[str, Any], str]] = [
    ({**ITEM, "foo": 1}, "input[1].foo"),
    (
        {**ITEM, "content": [{**TEXT, "foo": 1}]},
        "input[1].content[0].foo",
    ),
    (
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a", "foo": 1}]},
        "input[1].summary[0].foo",
    ),
]


@pytest.mark.parametrize(("item", "path"), ITEMS)
def test_items_of_responses(item: dict[str, Any], path: str) -> None:
    """Strict mode refuses undocumented names in the items of a response's input too."""
    body = read({"input": [ITEM, item]}, ResponsesRequest)
    assert to_generation(body)

    with pytest.raises(UnsupportedParameter, match="refused in strict mode") as refusal:
        to_generation(body, strict=True)

    assert refusal.value.param == path


def test_items_that_are_sent_back() -> None:
    """The items of an answer, with their ids and statuses, are accepted in strict mode."""
    text_part = {"type": "output_text", "text": "b", "annotations": [], "logprobs": []}
    items = [
        ITEM,
        {"type": "reasoning", "id": "rs_1", "status": None, "summary": [], "content": None},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": None,
            "content": [text_part],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "status": "completed",
            "call_id": "x",
            "name": "f",
            "arguments": "{}",
            "caller": {"type": "direct"},
            "namespace": None,
        },
        {"type": "function_call_output", "id": "o", "status": None, "call_id": "x", "output": "c"},
    ]

    assert to_generation(read({"input": items}, ResponsesRequest), strict=True)


@pytest.mark.parametrize("strict", [True, False])
def test_refused_names_of_items(*, strict: bool) -> None:
    """A name of an item that would change the model's prompt is refused in both modes."""
    call = {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"}
    body = read({"input": [{**call, "namespace": "n"}]}, ResponsesRequest)

    with pytest.raises(UnsupportedParameter) as refusal:
        to_generation(body, strict=strict)

    assert refusal.value.param == "input[0].namespace"


def test_long_names() -> None:
    """A refusal repeats little of a long name, and text like a path in it does no harm."""
    name = "`$[0] - at `" + "a" * 100_000

    with pytest.raises(UnsupportedParameter, match="refused in strict mode") as refusal:
        read({"messages": [{**USER, name: 1}]}, ChatRequest, strict=True)

    assert len(str(refusal.value)) < 1000


def test_no_unknown_names() -> None:
    """Without unknown names nothing is raised."""
    refuse_unknown_names(())


def test_unknown_names() -> None:
    """The refusal lists all unknown names in alphabetical order; the first is its `param`."""
    with pytest.raises(UnsupportedParameter, match=r"refused in strict mode: a, b, c\.") as refusal:
        refuse_unknown_names(("b", "a", "c"))

    assert refusal.value.param == "a"


def test_many_unknown_names() -> None:
    """Of many names the first ten are listed, and of a long name its beginning and its end."""
    names = {f"k{number:07}" for number in range(100_000)} | {"a" * 1_000_000}

    with pytest.raises(UnsupportedParameter) as refusal:
        refuse_unknown_names(names)

    message = str(refusal.value)
    assert message.endswith("k0000007, k0000008 … and 99991 more.")
    assert len(message) < 300
