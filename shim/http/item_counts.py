"""Limits the number of items in a request's lists and objects, before work is done per item.

A list or object is known by the name of its field. There are two cases:

- Lists of a known shape (`messages`, `messages[].content`): the items of all lists at the same path
  are counted together, because each becomes an object of its own.
- Free form (a JSON schema, arguments of a template): each list or object is counted by itself;
  `json_values` limits all of them together.

Lists of token ids are not counted here: `json_values` limits them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from shim.errors import InvalidParameter
from shim.limits import Limits

_LIMITS = {
    "content": "content_parts",
    "tool_calls": "content_parts",
    "tools": "tools",
    "stop": "stop_strings",
    "logit_bias": "logit_bias",
}
"""Fields with a limit of their own. The limit of those in `_TEXTS` depends on their items; to all
others `list_items` applies."""

_TEXTS = frozenset({"messages", "prompt", "input"})
"""Fields that hold messages, texts or token ids."""

_TOKEN_IDS = frozenset(
    {"prompt", "input", "tokens", "stop_token_ids", "allowed_token_ids", "logprob_token_ids"}
)
"""Fields that may hold token ids."""


def refuse_too_many(body: Struct | dict[str, Any], limits: Limits, *, commas: int) -> None:
    """Raise InvalidParameter for the first list or object of *body* with too many items.

    *commas* is the number of commas in the JSON text of *body*. It spares most requests the search:
    a list of a thousand items has 999.
    """
    if commas < _smallest(limits):
        return
    if isinstance(body, Struct):
        _search([body], "", limits, deep=commas >= limits.list_items)
    else:
        _refuse("", len(body), limits.list_items)
        for name, value in body.items():
            _search_free(value, name, limits.list_items)


def _smallest(limits: Limits) -> int:
    return min(
        limits.messages,
        limits.content_parts,
        limits.tools,
        limits.prompts,
        limits.stop_strings,
        limits.logit_bias,
        limits.list_items,
    )


def _search(structs: Sequence[Struct], parent: str, limits: Limits, *, deep: bool) -> None:
    """Search *structs*, all of one type and at the path *parent*; free form only if *deep*."""
    for name in structs[0].__struct_fields__:
        fields = (getattr(struct, name) for struct in structs)
        values = [value for value in fields if value is not None]
        containers = [value for value in values if isinstance(value, list | dict)]
        path = f"{parent}.{name}".removeprefix(".")
        if containers:
            _search_containers(containers, path, name, limits, deep=deep)
        _search_structs(values, path, limits, deep=deep)


def _search_containers(
    containers: Sequence[list[Any] | dict[Any, Any]],
    path: str,
    name: str,
    limits: Limits,
    *,
    deep: bool,
) -> None:
    items = [item for container in containers for item in _items(container)]
    limit = _limit(name, items, limits)
    if limit is not None:
        in_lists = sum(len(value) for value in containers if isinstance(value, list))
        in_objects = (len(value) for value in containers if isinstance(value, dict))
        _refuse(path, max(in_lists, *in_objects, 0), limit)
    if name == "input":
        # The input of responses: its items are decoded later, one by one.
        parts = (len(part) for item in items if isinstance(item, dict) for part in _lists(item))
        _refuse(f"{path}[].content", sum(parts), limits.content_parts)
    _search_structs(items, f"{path}[]", limits, deep=deep)
    if deep and name not in _TOKEN_IDS:
        _search_free(items, path, limits.list_items, counted=True)


def _items(container: list[Any] | dict[Any, Any]) -> Iterable[Any]:
    return container if isinstance(container, list) else container.values()


def _lists(item: dict[str, Any]) -> Iterable[list[Any]]:
    return (value for value in item.values() if isinstance(value, list))


def _limit(name: str, items: Sequence[Any], limits: Limits) -> int | None:
    """Return how many *items* the field *name* may have, None if they are token ids."""
    if name in _TOKEN_IDS and items and isinstance(items[0], int):
        return None
    if name in _TEXTS:
        messages = bool(items) and isinstance(items[0], Struct | dict)
        return limits.messages if messages else limits.prompts
    limit: int = getattr(limits, _LIMITS.get(name, "list_items"))
    return limit


def _search_structs(values: Sequence[Any], path: str, limits: Limits, *, deep: bool) -> None:
    by_type: dict[type[Struct], list[Struct]] = {}
    for value in values:
        if isinstance(value, Struct):
            by_type.setdefault(type(value), []).append(value)
    for structs in by_type.values():
        _search(structs, path, limits, deep=deep)


def _search_free(value: Any, path: str, limit: int, *, counted: bool = False) -> None:
    """Search *value* of free form; if *counted*, its own items have been counted already."""
    level = [value]
    while level:
        containers = [value for value in level if isinstance(value, list | dict)]
        if not counted:
            _refuse(path, max(map(len, containers), default=0), limit)
        level = [item for container in containers for item in _items(container)]
        path, counted = f"{path}[]", False


def _refuse(path: str, count: int, limit: int) -> None:
    if count > limit:
        holder = f"`{path}`" if path else "The body"
        raise InvalidParameter(
            f"{holder} has {count} items, more than the {limit} allowed.", param=path or None
        )
