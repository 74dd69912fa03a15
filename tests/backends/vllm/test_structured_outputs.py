"""Constraints on one engine: each is enforced, whatever other requests have brought before."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from msgspec.structs import replace

from backends.base import ChatBackend, JsonFormat
from backends.failures import InvalidRequest
from tests.backends.vllm.dialogue import finish, generation, text

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Rome", "Oslo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
    },
    "required": ["city", "days"],
}
TAG = {"type": "structural_tag", "format": {"type": "json_schema", "json_schema": SCHEMA}}


def fits(answer: str) -> bool:
    """Return whether *answer* is JSON of the schema."""
    return jsonschema_rs.is_valid(SCHEMA, json.loads(answer))


CONSTRAINTS: list[tuple[dict[str, Any], Callable[[str], object]]] = [
    ({"regex": r"\p{L}{2,5}!"}, re.compile(r"[^\W\d_]{2,5}!").fullmatch),
    ({"choice": ["red", "blue"]}, ["red", "blue"].__contains__),
    ({"json": SCHEMA}, fits),
    ({"structural_tag": json.dumps(TAG)}, fits),
    ({"grammar": 'root ::= "yes" | "no"'}, ["yes", "no"].__contains__),
    ({"grammar": 'start: "yes" | "no"'}, ["yes", "no"].__contains__),
    ({"regex": "(red|blue)"}, ["red", "blue"].__contains__),
]


async def answer(backend: ChatBackend, request: Any) -> str:
    """Return the whole text of the answer to *request*."""
    return text([item async for item in backend.generate(request)])


@pytest.mark.parametrize("seed", range(3))
async def test_any_order(backend: ChatBackend, seed: int) -> None:
    """In any order every kind of constraint is answered, and enforced."""
    order = random.Random(seed).sample(CONSTRAINTS, len(CONSTRAINTS))  # noqa: S311

    for constraint, satisfies in order:
        request = generation(temperature=1.0, seed=seed, max_tokens=100)
        written = await answer(
            backend, replace(request, engine_options={"structured_outputs": constraint})
        )

        assert satisfies(written), constraint


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.5])
async def test_json_ends(backend: ChatBackend, temperature: float) -> None:
    """A small model's JSON ends and fits, whatever is drawn."""
    for seed in range(5):
        request = generation(temperature=temperature, seed=seed, max_tokens=100)
        written = await answer(backend, replace(request, format=JsonFormat(schema=SCHEMA)))

        assert fits(written)


LETTERS = {"type": "string", "enum": ["a", "b", "c"]}
NUMBERS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}}
KEYWORDS: list[dict[str, Any]] = [
    {"allOf": [LETTERS, {"enum": ["b", "z"]}]},
    {"allOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": LETTERS}},
    {"anyOf": [LETTERS, {"type": "null"}]},
    {"oneOf": [LETTERS, {"type": "null"}]},
    {"oneOf": [LETTERS, {"enum": ["a"]}]},
    {**LETTERS, "not": {"const": "a"}},
    {"if": LETTERS, "then": {"const": "a"}},
    {"type": "integer", "minimum": 3, "maximum": 90, "multipleOf": 7},
    {"minimum": 3, "type": "integer", "maximum": 90},
    {"type": "number", "exclusiveMinimum": 0.5, "maximum": 0.75, "multipleOf": 0.25},
    {**NUMBERS, "maxItems": 3, "uniqueItems": True},
    {**NUMBERS, "maxItems": 3, "contains": {"const": 5}},
    {"type": "array", "prefixItems": [LETTERS, {"type": "null"}], "items": False, "minItems": 2},
    {"type": "string", "pattern": "^a+$", "minLength": 3, "maxLength": 5},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "nonsense", "maxLength": 5},
    {"type": "object", "patternProperties": {"^x$": LETTERS}, "additionalProperties": False},
    {"type": "object", "propertyNames": {"enum": ["a"]}, "additionalProperties": LETTERS},
    {"type": "object", "properties": {"a": LETTERS}, "required": ["a", "b"]},
    {"type": "object", "properties": {"a": LETTERS}, "dependentRequired": {"a": ["b"]}},
    {"type": "object", "properties": {"a": LETTERS}, "minProperties": 1},
    {"type": "object", "properties": {"a": LETTERS}, "unevaluatedProperties": False},
    {"type": ["string", "null"], "maxLength": 3},
    {"const": {"a": [1, None]}},
    {"$ref": "http://elsewhere/schema"},
    {"type": "nonsense"},
]


@pytest.mark.parametrize("schema", KEYWORDS, ids=str)
async def test_a_keyword_is_enforced_or_refused(
    backend: ChatBackend, schema: dict[str, Any]
) -> None:
    """The answer fits the whole schema, or the request is refused, naming the format."""
    for seed in range(3):
        request = generation(temperature=1.5, seed=seed, max_tokens=60)
        request = replace(request, format=JsonFormat(schema=schema))
        try:
            items = [item async for item in backend.generate(request)]
        except InvalidRequest as refusal:
            assert refusal.option == "response_format"  # noqa: PT017 - either is right
            return

        # A grammar cannot see that a name repeats: some objects go on until they are cut off.
        if finish(items).reason != "length":
            jsonschema_rs.validate(schema, json.loads(text(items)))
