"""Checks whether xgrammar, the grammar engine of tool calls, enforces a JSON Schema.

xgrammar ignores keywords that it cannot express, and most keywords without a `type` beside them. A
call would then be valid JSON, but violate its schema. So only those keywords are accepted that are
enforced in a test (`test_tool_schemas.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_ENFORCED: dict[str, set[str]] = {
    "object": {"properties", "required", "additionalProperties", "minProperties", "maxProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern", "format"},
    "integer": _BOUNDS,
    "number": _BOUNDS,
}
"""The keywords that xgrammar enforces beside each `type`."""

_ALONE = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
"""Keywords beside which xgrammar ignores all others."""

_NOT_ENFORCED = {
    "multipleOf",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "additionalItems",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
}
_ASSERTIONS = {"type", *_ALONE, *_NOT_ENFORCED}.union(*_ENFORCED.values())
"""Every keyword that restricts values; others only describe."""

_FORMATS = {"date", "time", "date-time", "duration", "email", "ipv4", "ipv6", "uuid", "uri"}
"""The values of `format` that xgrammar enforces."""

_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
"""Type of JSON Schema → the Python types of its values."""


class Fault(NamedTuple):
    """A part of a schema that xgrammar does not enforce."""

    path: str
    """The keys and indices that lead to it, each after a slash; empty for the schema itself."""
    reason: str


def find_fault(schema: Any) -> Fault | None:
    """Return a part of *schema* that xgrammar does not enforce; None if it enforces all."""
    stack = [("", schema)]
    while stack:
        path, part = stack.pop()
        if part is True:
            continue
        if not isinstance(part, dict):
            return Fault(path, "is not a schema that a value can satisfy")
        if reason := _reason(part):
            return Fault(path, reason)
        stack += _parts(path, part)
    return None


def _parts(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the schemas in *schema*, with their paths."""
    for name in ("properties", "$defs", "definitions"):
        if isinstance(table := schema.get(name), dict):
            yield from ((f"{path}/{name}/{key}", part) for key, part in table.items())
    for name in ("prefixItems", "anyOf", "oneOf", "allOf"):
        if isinstance(schemas := schema.get(name), list):
            yield from ((f"{path}/{name}/{index}", part) for index, part in enumerate(schemas))
    for name in ("items", "additionalProperties"):
        # False allows no further items or properties, which xgrammar enforces.
        if (part := schema.get(name, False)) is not False:
            yield f"{path}/{name}", part


def _reason(schema: Mapping[str, Any]) -> str | None:
    """Return why *schema* itself is not enforced; None if it is. Schemas inside it do not count."""
    asserted = _ASSERTIONS & schema.keys()
    if schema.get("uniqueItems") is False:
        asserted -= {"uniqueItems"}
    if ignored := _NOT_ENFORCED & asserted:
        return f"`{min(ignored)}` is not supported"
    for name in _ALONE:
        if name in asserted:
            return _reason_alone(name, schema[name], schema, asserted - {name})
    return _reason_typed(schema, asserted - {"type"})


def _reason_alone(name: str, value: Any, schema: Mapping[str, Any], others: set[str]) -> str | None:
    if name in ("const", "enum") and _are_of(schema, value if name == "enum" else [value]):
        others = others - {"type"}
    if others:
        return f"`{min(others)}` is not supported beside `{name}`"
    if name == "$ref" and not str(value).startswith(("#/$defs/", "#/definitions/")):
        return "`$ref` may only refer to something in `$defs` or `definitions`"
    if name == "allOf" and isinstance(value, list) and len(value) > 1:
        return "`allOf` of several schemas is not supported"
    if name == "oneOf" and not _are_disjoint(value):
        return "`oneOf` is only supported for schemas with different types or constants"
    return None


def _are_of(schema: Mapping[str, Any], values: Any) -> bool:
    """Return whether each of *values* has one of the types that *schema* names."""
    kinds = {kind for name in _types(schema) for kind in _KINDS.get(name, ())}
    return isinstance(values, list) and all(type(value) in kinds for value in values)


def _types(schema: Mapping[str, Any]) -> list[str]:
    # xgrammar reads a schema with properties as that of an object.
    types = schema.get("type", "object" if "properties" in schema else [])
    return [str(name) for name in types] if isinstance(types, list) else [str(types)]


def _are_disjoint(schemas: Any) -> bool:
    """Return True if certainly no value satisfies two of *schemas*.

    That is so if they have different types, or different constants in one required property.
    """
    if not isinstance(schemas, list) or not all(isinstance(schema, dict) for schema in schemas):
        return False
    types = [name for schema in schemas for name in _types(schema)]
    if len(schemas) == len({*types}) == len(types) and not {*types} >= {"integer", "number"}:
        return True
    constants = [_constants(schema) for schema in schemas]
    shared = set.intersection(*({*each} for each in constants)) if constants else set()
    return any(len({each[name] for each in constants}) == len(schemas) for name in shared)


def _constants(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the name and constant of each required property of *schema* that has one."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {
        name: repr(value["const"])
        for name, value in properties.items()
        if name in required and isinstance(value, dict) and "const" in value
    }


def _reason_typed(schema: Mapping[str, Any], others: set[str]) -> str | None:
    types = _types(schema)
    if "type" in schema and not types:
        return "`type` is empty"
    if ignored := others - {keyword for name in types for keyword in _ENFORCED.get(name, ())}:
        return f"`{min(ignored)}` is only supported beside its `type`"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return "`properties` must be an object, and `required` a list"
    if not {str(name) for name in required} <= properties.keys():
        return "`required` names something that is not among the `properties`"
    return _reason_of_string(schema)


def _reason_of_string(schema: Mapping[str, Any]) -> str | None:
    if (
        len({"pattern", "format"} & schema.keys())
        + bool({"minLength", "maxLength"} & schema.keys())
        > 1
    ):
        return "only one of `pattern`, `format` and a length is supported"
    if "format" in schema and str(schema["format"]) not in _FORMATS:
        return f"`format` may be one of {', '.join(sorted(_FORMATS))}"
    return None
