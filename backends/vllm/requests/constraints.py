"""What vLLM's structured outputs are told beyond a request's words, so that what comes is valid.

White space between a JSON text's parts is bounded, of which small models write no end; an object
has the properties that its schema names; arguments of a call are an object of the tool's schema.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from vllm.sampling_params import StructuredOutputsParams

from backends.base import Generation
from backends.conversation import Conversation, Tool
from backends.failures import InvalidOption

from .protocol import must_call
from .tool_schemas import Fault, find_fault

_OBJECT = {"type": "object"}
_ONE_SPACE = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
"""As Python writes JSON, and as it is without any; in llguidance's words, patterns."""
_NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}
"""Of a tool without parameters, as at OpenAI."""


def refuse_fault(fault: Fault | None, *, option: str) -> None:
    """Raise InvalidOption, naming *option*, if there is a *fault* in its schema."""
    if fault is not None:
        place = f"at `{fault.path}`: " if fault.path else ""
        raise InvalidOption(
            f"The schema in `{option}` cannot be enforced: {place}{fault.reason}.", option=option
        )


# ── JSON ──────────────────────────────────────────────────────────────────────


def bound(constraint: StructuredOutputsParams, *, max_spaces: int | None) -> None:
    """Bound the JSON text that *constraint* demands of llguidance, which reads that in the schema.

    *max_spaces* between parts is 0, 1, or None: no bound. What the request says goes first.
    Objects are closed, as xgrammar has them, which vLLM's server would take.
    """
    if constraint.json_object:
        constraint.json_object, constraint.json = None, _OBJECT
    schema = as_schema(constraint.json)
    if schema is not None:
        spaces = _spaces(constraint, max_spaces)
        more = {} if spaces is None else {"x-guidance": spaces}
        constraint.json = {**more, **closed(schema)}


def as_schema(given: str | dict[str, Any] | None) -> dict[str, Any] | None:
    """Return *given*, which may be JSON, as a schema; None for what is not, which vLLM refuses."""
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


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
"""Keywords by which an object is described in several places: it cannot be closed in one."""


def closed(schema: Any, *, whole: bool = True) -> Any:
    """Return *schema* with each object that names properties closed to others.

    *whole*: whether nothing else is said of the same value, elsewhere.
    """
    if not isinstance(schema, dict):
        return schema
    alone = whole and not _PARTS & schema.keys()
    made = dict(schema)
    for name in _SCHEMAS:
        if isinstance(found := schema.get(name), dict):
            made[name] = {key: closed(below) for key, below in found.items()}
    for name in _LISTS:
        if isinstance(found := schema.get(name), list):
            one = name == "prefixItems" or (
                whole and name != "allOf" and "properties" not in schema
            )
            made[name] = [closed(below, whole=one) for below in found]
    for name in _SINGLE:
        if isinstance(found := schema.get(name), dict):
            made[name] = closed(found, whole=name != "not")
    if alone and {"properties", "patternProperties"} & schema.keys():
        made.setdefault("additionalProperties", False)
    return made


# ── calls of tools ────────────────────────────────────────────────────────────


class Calls:
    """What the calls in an answer to one request have to be."""

    def __init__(
        self, generation: Generation, *, option: str, holds_all: bool, max_spaces: int | None
    ) -> None:
        """Take the *option* to blame for a schema that is not a tool's.

        *holds_all*: whether tools that are not strict are held to their schemas, too.
        """
        prompt = generation.prompt
        self._tools: Sequence[Tool] = prompt.tools if isinstance(prompt, Conversation) else ()
        self._forced = holds_all and must_call(generation)
        self._option = option
        self._holds_all = holds_all
        self._max_spaces = max_spaces
        numbered = reversed([*enumerate(self._tools)])
        self._places = {json.dumps(tool.parameters): at for at, tool in numbered}

    def held(self, tag: str) -> str:
        """Return the structural *tag*, JSON, with schemas that xgrammar holds.

        Raises InvalidOption for a schema that has to be held and cannot be.
        """
        found = json.loads(tag)
        for node in _json_schemas(found):
            self._hold(node)
        for structure in found.get("structures", ()):
            refuse_fault(find_fault(structure.get("schema")), option=self._option)
        return json.dumps(found)

    def _hold(self, node: dict[str, Any]) -> None:
        if node.get("max_whitespace_cnt") is None and self._max_spaces is not None:
            node["max_whitespace_cnt"] = 1  # xgrammar has no way to say none
        if not self._tools:
            refuse_fault(find_fault(node.get("json_schema")), option=self._option)
        elif node.get("json_schema") is True:
            node["json_schema"] = _NO_ARGUMENTS if self._holds_all else _any_object(node)
        else:
            self._hold_arguments(node)

    def _hold_arguments(self, node: dict[str, Any]) -> None:
        schema = node["json_schema"]
        at = self._places.get(json.dumps(schema))
        if at is None:  # the format that an answer without a call has to have
            refuse_fault(find_fault(schema), option=self._option)
            return
        schema = schema if {"type", "$ref"} & schema.keys() else {**_OBJECT, **schema}
        fault = find_fault(schema)
        if schema.get("type") != "object":
            fault = Fault("", "the arguments of a call are of the `type` `object`")
        if self._forced or self._tools[at].strict:
            refuse_fault(fault, option=f"tools[{at}].function.parameters")
        node["json_schema"] = schema if fault is None else _any_object(node)


def _any_object(node: dict[str, Any]) -> Any:
    """Return the schema of any arguments; a style of its own is one of objects alone."""
    return _OBJECT if node.get("style", "json") == "json" else True


def _json_schemas(tag: Any) -> Iterator[dict[str, Any]]:
    """Yield every format in *tag* that is a JSON schema."""
    left = [tag]
    while left:
        match left.pop():
            case {"type": "json_schema", "json_schema": _} as node:
                yield node
            case dict() as node:
                left += node.values()
            case list() as items:
                left += items
