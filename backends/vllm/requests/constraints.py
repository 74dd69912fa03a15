"""Restricts a request's constraint further, so that the generated text ends and is valid.

White space between the parts of a JSON text is limited, because small models may write it without
end. An object has only the properties that its schema names. The arguments of a call are an object
that satisfies the tool's schema.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from vllm.sampling_params import StructuredOutputsParams

from backends.base import Generation
from backends.conversation import Conversation, Tool
from backends.failures import InvalidOption

from .tool_schemas import Fault, find_fault
from .translate import must_call

_OBJECT = {"type": "object"}
_ONE_SPACE = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
"""JSON as Python writes it, or without white space, as patterns in llguidance's own options."""
_NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}
"""The schema of the arguments of a tool without parameters, as at OpenAI."""


def refuse_fault(fault: Fault | None, *, option: str) -> None:
    """Raise InvalidOption, with *option*, if there is a *fault* in its schema."""
    if fault is not None:
        place = f"at `{fault.path}`: " if fault.path else ""
        raise InvalidOption(
            f"The schema in `{option}` cannot be enforced: {place}{fault.reason}.", option=option
        )


# ── JSON ──────────────────────────────────────────────────────────────────────


def restrict_json(constraint: StructuredOutputsParams, *, max_spaces: int | None) -> None:
    """Restrict the schema in *constraint*, for llguidance; change nothing if it has none.

    *max_spaces* between two parts is 0, 1, or None for any number; the request's own setting takes
    precedence. Objects are closed, because xgrammar, which vLLM's server would use, closes them.
    """
    if constraint.json_object:
        constraint.json_object, constraint.json = None, _OBJECT
    schema = as_schema(constraint.json)
    if schema is not None:
        spaces = _spaces(constraint, max_spaces)
        guidance = {} if spaces is None else {"x-guidance": spaces}
        constraint.json = {**guidance, **closed(schema)}


def as_schema(value: str | dict[str, Any] | None) -> dict[str, Any] | None:
    """Return *value*, which may be JSON text, as a schema; None if it is not an object.

    vLLM itself refuses such a value.
    """
    try:
        schema = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return schema if isinstance(schema, dict) else None


def _spaces(constraint: StructuredOutputsParams, max_spaces: int | None) -> dict[str, Any] | None:
    if constraint.disable_any_whitespace or max_spaces == 0:
        return {"whitespace_flexible": False}
    if constraint.whitespace_pattern is not None:
        return {"whitespace_pattern": constraint.whitespace_pattern}
    return None if max_spaces is None else _ONE_SPACE


_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("prefixItems", "anyOf", "oneOf", "allOf")
_SINGLE = ("items", "additionalProperties", "contains", "not")
_PARTS = {"$ref", "allOf", "anyOf", "oneOf"}
"""Keywords that describe an object in a second place, so that it cannot be closed in the first."""


def closed(schema: Any, *, whole: bool = True) -> Any:
    """Return a copy of *schema* in which an object has only the properties that are named.

    *whole*: whether this schema alone describes its value. If not, only schemas inside it are
    closed.
    """
    if not isinstance(schema, dict):
        return schema
    result = dict(schema)
    for name in _SCHEMAS:
        if isinstance(table := schema.get(name), dict):
            result[name] = {key: closed(part) for key, part in table.items()}
    for name in _LISTS:
        if isinstance(schemas := schema.get(name), list):
            each_whole = name == "prefixItems" or (
                whole and name != "allOf" and "properties" not in schema
            )
            result[name] = [closed(part, whole=each_whole) for part in schemas]
    for name in _SINGLE:
        if isinstance(part := schema.get(name), dict):
            result[name] = closed(part, whole=name != "not")
    alone = whole and not _PARTS & schema.keys()
    if alone and {"properties", "patternProperties"} & schema.keys():
        result.setdefault("additionalProperties", False)
    return result


# ── calls of tools ────────────────────────────────────────────────────────────


class ToolCallConstraint:
    """Adapts the structural tag of one request, which is the grammar of its tool calls."""

    def __init__(
        self, generation: Generation, *, option: str, enforces_all: bool, max_spaces: int | None
    ) -> None:
        """Take the *option* that is reported for a schema that does not belong to a tool.

        *enforces_all*: whether the schemas of tools that are not strict are enforced too.
        *max_spaces* between two parts of the arguments is 0, 1, or None for any number; xgrammar
        cannot express 0, which is treated as 1.
        """
        prompt = generation.prompt
        self._tools: Sequence[Tool] = prompt.tools if isinstance(prompt, Conversation) else ()
        self._forced = enforces_all and must_call(generation)
        self._option = option
        self._enforces_all = enforces_all
        self._max_spaces = max_spaces
        # Reversed, so that of two tools with the same schema the first one is reported.
        numbered = reversed([*enumerate(self._tools)])
        self._indices = {json.dumps(tool.parameters): index for index, tool in numbered}

    def adapted(self, tag: str) -> str:
        """Return the structural *tag*, JSON text, with schemas that xgrammar enforces.

        Raises InvalidOption for a schema that must be enforced but cannot be.
        """
        structure = json.loads(tag)
        for node in _json_schemas(structure):
            self._adapt(node)
        for part in structure.get("structures", ()):
            refuse_fault(find_fault(part.get("schema")), option=self._option)
        return json.dumps(structure)

    def _adapt(self, node: dict[str, Any]) -> None:
        if node.get("max_whitespace_cnt") is None and self._max_spaces is not None:
            node["max_whitespace_cnt"] = 1  # xgrammar does not take 0
        if not self._tools:
            refuse_fault(find_fault(node.get("json_schema")), option=self._option)
        elif node.get("json_schema") is True:
            node["json_schema"] = _NO_ARGUMENTS if self._enforces_all else _any_object(node)
        else:
            self._adapt_arguments(node)

    def _adapt_arguments(self, node: dict[str, Any]) -> None:
        schema = node["json_schema"]
        index = self._indices.get(json.dumps(schema))
        if index is None:  # the required format of an answer without a call
            refuse_fault(find_fault(schema), option=self._option)
            return
        schema = schema if {"type", "$ref"} & schema.keys() else {**_OBJECT, **schema}
        fault = find_fault(schema)
        if schema.get("type") != "object":
            fault = Fault("", "the arguments of a call are of the `type` `object`")
        if self._forced or self._tools[index].strict:
            refuse_fault(fault, option=f"tools[{index}].function.parameters")
        node["json_schema"] = schema if fault is None else _any_object(node)


def _any_object(node: dict[str, Any]) -> Any:
    """Return the schema of arguments of any kind; a style other than JSON implies an object."""
    return _OBJECT if node.get("style", "json") == "json" else True


def _json_schemas(tag: Any) -> Iterator[dict[str, Any]]:
    """Yield every format in *tag* that is a JSON schema."""
    stack = [tag]
    while stack:
        match stack.pop():
            case {"type": "json_schema", "json_schema": _} as node:
                yield node
            case dict() as node:
                stack += node.values()
            case list() as items:
                stack += items
