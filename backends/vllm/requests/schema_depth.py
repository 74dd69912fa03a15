"""How deep a schema is with the schemas that it refers to: llguidance reads them by recursion.

1,800 levels of schemas, which are twice as many of lists and objects, end it and its process with
it, by its stack; 1,700 do not.
"""

from collections.abc import Iterator
from typing import Any

_LEVELS = 1000
"""Lists and objects in each other."""


def is_too_deep(schema: dict[str, Any]) -> bool:
    """Return whether *schema*, followed through all its references, may be too deep."""
    levels = _levels(schema)
    targets = {id(_target(schema, name)) for name in _references(schema)}
    return levels[id(schema)] + sum(levels.get(target, 0) for target in targets) > _LEVELS


def _levels(schema: Any) -> dict[int, int]:
    """Return, by its identity, how many levels each list and object in *schema* has."""
    ordered = list(_containers(schema))
    levels: dict[int, int] = {}
    for value in reversed(ordered):
        levels[id(value)] = 1 + max(
            (levels.get(id(below), 0) for below in _items(value)), default=0
        )
    return levels


def _containers(schema: Any) -> Iterator[Any]:
    """Yield each list and object in *schema*, before those in it."""
    left = [schema]
    while left:
        value = left.pop()
        if isinstance(value, dict | list):
            yield value
            left += _items(value)


def _items(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _references(schema: Any) -> set[str]:
    found = (value.get("$ref") for value in _containers(schema) if isinstance(value, dict))
    return {name for name in found if isinstance(name, str)}


def _target(schema: Any, name: str) -> Any:
    """Return what the reference *name* points to in *schema*; None if nothing."""
    at = schema
    for part in name.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict):
            at = at.get(key)
        elif isinstance(at, list) and key.isdecimal() and int(key) < len(at):
            at = at[int(key)]
        else:
            return None
    return at
