"""Which JSON Schemas xgrammar holds: the grammar engine that makes calls of tools fit theirs.

xgrammar ignores what it cannot express, and most keywords without a `type` beside them: a call
would parse, and not fit. So only what was seen to hold is let by (`test_tool_schemas.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_HELD: dict[str, set[str]] = {
    "object": {"properties", "required", "additionalProperties", "minProperties", "maxProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern", "format"},
    "integer": _BOUNDS,
    "number": _BOUNDS,
}
"""The keywords that xgrammar holds beside a `type`."""

_ALONE = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
"""Keywords beside which xgrammar reads no other."""

_NOT_HELD = {
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
_ASSERTIONS = {"type", *_ALONE, *_NOT_HELD}.union(*_HELD.values())
"""Every keyword by which a schema demands anything; others only describe."""

_FORMATS = {"date", "time", "date-time", "duration", "email", "ipv4", "ipv6", "uuid", "uri"}

_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class Fault(NamedTuple):
    """What in a schema is not held, and where."""

    path: str
    """Keys and indices, each after a slash; empty: the schema itself."""
    reason: str


def find_fault(schema: Any) -> Fault | None:
    """Return the first thing in *schema* that xgrammar would not hold; None if it holds all."""
    left = [("", schema)]
    while left:
        path, below = left.pop()
        if below is True:
            continue
        if not isinstance(below, dict):
            return Fault(path, "is not a schema that a value can satisfy")
        if reason := _reason(below):
            return Fault(path, reason)
        left += _below(path, below)
    return None


def _below(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the schemas in *schema*, with their paths."""
    for name in ("properties", "$defs", "definitions"):
        if isinstance(found := schema.get(name), dict):
            yield from ((f"{path}/{name}/{key}", below) for key, below in found.items())
    for name in ("prefixItems", "anyOf", "oneOf", "allOf"):
        if isinstance(found := schema.get(name), list):
            yield from ((f"{path}/{name}/{at}", below) for at, below in enumerate(found))
    for name in ("items", "additionalProperties"):
        # False allows no more of them, which is held.
        if (found := schema.get(name, False)) is not False:
            yield f"{path}/{name}", found


def _reason(schema: Mapping[str, Any]) -> str | None:
    """Return why *schema* itself is not held, apart from the schemas in it."""
    asserted = _ASSERTIONS & schema.keys()
    if schema.get("uniqueItems") is False:
        asserted -= {"uniqueItems"}
    if unheld := _NOT_HELD & asserted:
        return f"`{min(unheld)}` cannot be held"
    for name in _ALONE:
        if name in asserted:
            return _reason_alone(name, schema[name], schema, asserted - {name})
    return _reason_typed(schema, asserted - {"type"})


def _reason_alone(name: str, value: Any, schema: Mapping[str, Any], others: set[str]) -> str | None:
    if name in ("const", "enum") and _are_of(schema, value if name == "enum" else [value]):
        others = others - {"type"}
    if others:
        return f"`{min(others)}` cannot be held beside `{name}`"
    if name == "$ref" and not str(value).startswith(("#/$defs/", "#/definitions/")):
        return "`$ref` can only be held to something in `$defs` or `definitions`"
    if name == "allOf" and isinstance(value, list) and len(value) > 1:
        return "`allOf` of several schemas cannot be held"
    if name == "oneOf" and not _are_disjoint(value):
        return "`oneOf` can only be held of schemas with different types or constants"
    return None


def _are_of(schema: Mapping[str, Any], values: Any) -> bool:
    """Return whether each of *values* has one of the types that *schema* names."""
    kinds = {kind for name in _types(schema) for kind in _KINDS.get(name, ())}
    return isinstance(values, list) and all(type(value) in kinds for value in values)


def _types(schema: Mapping[str, Any]) -> list[str]:
    # Where there are properties, xgrammar takes the schema for that of an object.
    found = schema.get("type", "object" if "properties" in schema else [])
    return [str(name) for name in found] if isinstance(found, list) else [str(found)]


def _are_disjoint(schemas: Any) -> bool:
    """Return whether no value can satisfy two of *schemas*, as far as can be told simply."""
    if not isinstance(schemas, list) or not all(isinstance(one, dict) for one in schemas):
        return False
    types = [name for one in schemas for name in _types(one)]
    if len(schemas) == len({*types}) == len(types) and not {*types} >= {"integer", "number"}:
        return True
    tags = [_constants(one) for one in schemas]
    names = set.intersection(*({*tag} for tag in tags)) if tags else set()
    return any(len({tag[name] for tag in tags}) == len(schemas) for name in names)


def _constants(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the required properties of *schema* that have one value only."""
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
    if unheld := others - {word for name in types for word in _HELD.get(name, ())}:
        return f"`{min(unheld)}` can only be held beside its `type`"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return "`properties` is an object, `required` a list"
    if not {str(name) for name in required} <= properties.keys():
        return "`required` names something that is not among the `properties`"
    return _reason_of_string(schema)


def _reason_of_string(schema: Mapping[str, Any]) -> str | None:
    if (
        len({"pattern", "format"} & schema.keys())
        + bool({"minLength", "maxLength"} & schema.keys())
        > 1
    ):
        return "of `pattern`, `format` and a length only one can be held"
    if "format" in schema and str(schema["format"]) not in _FORMATS:
        return f"`format` can be one of {', '.join(sorted(_FORMATS))}"
    return None
