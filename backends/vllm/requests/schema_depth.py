"""Checks whether a schema, with all that it refers to, is too deep for llguidance.

llguidance reads schemas by recursion. 1,800 schemas nested in each other, which are 3,600 lists and
objects, overflow its stack and crash the process; 1,700 do not.
"""

from collections.abc import Iterator
from typing import Any

_LEVELS = 1000
"""The most lists and objects that may be nested in each other."""


def is_too_deep(schema: dict[str, Any]) -> bool:
    """Return whether *schema* may be too deep if all its references are followed."""
    levels = _levels(schema)
    targets = {id(_target(schema, name)) for name in _references(schema)}
    return levels[id(schema)] + sum(levels.get(target, 0) for target in targets) > _LEVELS


def _levels(schema: Any) -> dict[int, int]:
    """Return the levels of nesting in each list and object of *schema*, by its Python `id`."""
    containers = list(_containers(schema))
    levels: dict[int, int] = {}
    for value in reversed(containers):
        levels[id(value)] = 1 + max((levels.get(id(item), 0) for item in _items(value)), default=0)
    return levels


def _containers(schema: Any) -> Iterator[Any]:
    """Yield each list and object in *schema*, each before those inside it."""
    stack = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, dict | list):
            yield value
            stack += _items(value)


def _items(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _references(schema: Any) -> set[str]:
    names = (value.get("$ref") for value in _containers(schema) if isinstance(value, dict))
    return {name for name in names if isinstance(name, str)}


def _target(schema: Any, name: str) -> Any:
    """Return the value in *schema* that the reference *name* points to; None if there is none."""
    value = schema
    for part in name.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
