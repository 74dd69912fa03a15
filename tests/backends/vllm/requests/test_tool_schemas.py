"""A schema that is accepted is enforced by xgrammar itself, against values that do not fit."""

import json
from importlib import import_module
from typing import Any

import pytest

from backends.vllm.requests.tool_schemas import find_fault
from tests.live import MODELS, skip_without_vllm

skip_without_vllm()


def properties(**each: Any) -> dict[str, Any]:
    """Return the schema of an object that requires those properties."""
    return {"type": "object", "properties": each, "required": [*each]}


WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}
TEXT = {"type": "string"}
CAT, DOG = (properties(kind={"const": kind}, age=WHOLE) for kind in ("cat", "dog"))

ENFORCED: list[tuple[Any, list[Any], list[Any]]] = [
    (properties(a=WHOLE), [{"a": 1}], [{}, {"a": "x"}, {"a": 1.5}, 5, [], {"b": 1}]),
    ({"type": "object", "properties": {"a": WHOLE}}, [{}, {"a": 1}], [{"a": "x"}]),
    ({"properties": {"a": WHOLE}, "required": ["a"]}, [{"a": 1}], [{}, {"a": "x"}]),
    ({"type": "object", "additionalProperties": TEXT}, [{}, {"a": "x"}], [{"a": 1}]),
    (
        {**properties(a=WHOLE), "additionalProperties": TEXT},
        [{"a": 1, "b": "x"}],
        [{"a": 1, "b": 2}],
    ),
    ({"type": "object", "properties": {"a": WHOLE}, "minProperties": 1}, [{"a": 1}], [{}]),
    ({**WHOLE, "minimum": 3, "maximum": 10}, [3, 10], [2, 11, 100]),
    ({**WHOLE, "exclusiveMinimum": 3, "exclusiveMaximum": 10}, [4, 9], [3, 10]),
    ({**NUMBER, "minimum": -1.5}, [-1.5, 0, 7.25], [-1.6, -2]),
    ({**NUMBER, "exclusiveMaximum": 0.5}, [0.4, -3], [0.5, 1]),
    ({**TEXT, "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
    ({**TEXT, "pattern": "^[a-z]{2,3}$"}, ["ab"], ["a", "AB", "abcd"]),
    ({**TEXT, "format": "ipv4"}, ["127.0.0.1"], ["127.0.0.999", "x"]),
    ({**TEXT, "format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]),
    ({"type": ["string", "null"], "minLength": 2}, [None, "ab"], ["a", 5]),
    (
        {"type": "array", "items": WHOLE, "minItems": 1, "maxItems": 2},
        [[1], [1, 2]],
        [[], [1, 2, 3]],
    ),
    ({"type": "array", "prefixItems": [WHOLE, TEXT], "items": False}, [[1, "a"]], [["a", 1]]),
    ({"type": "array", "items": WHOLE, "uniqueItems": False}, [[1, 1]], [["a"]]),
    ({"enum": ["a", 1, None]}, ["a", 1, None], ["b", 2]),
    ({"type": "string", "enum": ["a", "b"]}, ["a"], ["c", 1]),
    ({"const": {"a": [1]}}, [], [{"a": []}]),
    ({"anyOf": [WHOLE, {"type": "null"}], "default": None}, [1, None], ["a"]),
    ({"allOf": [WHOLE], "description": "a number"}, [1], ["a"]),
    ({"oneOf": [WHOLE, TEXT]}, [1, "a"], [None]),
    ({"oneOf": [CAT, DOG]}, [{"kind": "cat", "age": 3}], [{"kind": "cow", "age": 3}]),
    ({"$defs": {"n": WHOLE}, **properties(a={"$ref": "#/$defs/n"})}, [{"a": 1}], [{"a": "x"}]),
    (properties(a=properties(b={"type": "boolean"})), [{"a": {"b": True}}], [{"a": {"b": 1}}]),
]

NOT_ENFORCED: list[tuple[Any, str, str]] = [
    ({**TEXT, "not": {"const": "a"}}, "", "`not`"),
    ({**WHOLE, "multipleOf": 3}, "", "`multipleOf`"),
    ({"type": "array", "items": WHOLE, "uniqueItems": True}, "", "`uniqueItems`"),
    ({"type": "array", "contains": WHOLE}, "", "`contains`"),
    ({"allOf": [TEXT, {"enum": ["yes", "no"]}]}, "", "`allOf`"),
    ({"allOf": [WHOLE], "minimum": 3}, "", "`minimum`"),
    ({**WHOLE, "anyOf": [{"minimum": 3}]}, "", "`type`"),
    ({"oneOf": [WHOLE, NUMBER]}, "", "`oneOf`"),
    ({"oneOf": [CAT, CAT]}, "", "`oneOf`"),
    ({"minimum": 3}, "", "`minimum`"),
    ({"type": "string", "enum": ["a", 1]}, "", "`type`"),
    ({**TEXT, "const": "a", "minLength": 3}, "", "`minLength`"),
    ({**TEXT, "pattern": "a", "minLength": 3}, "", "length"),
    ({**TEXT, "format": "hostname"}, "", "`format`"),
    ({"type": "object", "required": ["b"]}, "", "`required`"),
    ({"type": "object", "patternProperties": {"^x": WHOLE}}, "", "`patternProperties`"),
    ({"type": "object", "if": {}, "then": {"required": ["a"]}}, "", "`if`"),
    ({"type": []}, "", "`type`"),
    (False, "", "satisfy"),
    (properties(a={"not": {}}), "/properties/a", "`not`"),
    (properties(a={"$ref": "#other"}), "/properties/a", "`$ref`"),
    (properties(a={"type": "array", "items": {"minimum": 1}}), "/properties/a/items", "`minimum`"),
    ({"anyOf": [WHOLE, {"not": {}}]}, "/anyOf/1", "`not`"),
    ({"$defs": {"n": {"not": {}}}, "type": "object"}, "/$defs/n", "`not`"),
]


@pytest.fixture(scope="module")
def compiler() -> Any:
    """Make xgrammar's compiler for the tests' vocabulary."""
    xgrammar = import_module("xgrammar")
    tokenizer = import_module("transformers").PreTrainedTokenizerFast(
        tokenizer_file=str(MODELS / "chat-hf" / "tokenizer.json")
    )
    info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, stop_token_ids=[2])
    return xgrammar.GrammarCompiler(info, max_threads=1)


def accepts(grammar: Any, value: Any) -> bool:
    """Return whether the JSON text of *value* could be generated whole."""
    matcher = import_module("xgrammar").GrammarMatcher(grammar)
    return matcher.accept_string(json.dumps(value)) and matcher.accept_token(2)


@pytest.mark.parametrize(("schema", "fitting", "others"), ENFORCED, ids=str)
def test_an_enforced_schema(
    compiler: Any, schema: Any, fitting: list[Any], others: list[Any]
) -> None:
    """A schema without a fault admits values that fit, and no others."""
    grammar = compiler.compile_json_schema(json.dumps(schema))

    assert find_fault(schema) is None
    assert all(accepts(grammar, value) for value in fitting)
    assert not any(accepts(grammar, value) for value in others)


@pytest.mark.parametrize(("schema", "path", "word"), NOT_ENFORCED, ids=str)
def test_a_schema_that_is_not_enforced(schema: Any, path: str, word: str) -> None:
    """A fault has its place and the keyword."""
    fault = find_fault(schema)

    assert fault is not None
    assert fault.path == path
    assert word in fault.reason


def test_what_describes_only() -> None:
    """Titles, descriptions, defaults, examples and words that nobody knows demand nothing."""
    words = {"title": "T", "description": "D", "default": 1, "examples": [1], "x-mine": {"not": 1}}

    assert find_fault({**properties(a={**WHOLE, **words}), **words, "$schema": "s"}) is None
