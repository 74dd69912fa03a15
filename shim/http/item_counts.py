"""How many items a request's lists and objects may have: checked before work is done per item.

A container is known by the name of the field that holds it. Two cases:

- Lists of known shape (`messages`, `messages[].content`): the items of all lists in that place are
  counted together, because each becomes an object of its own.
- Free form (a JSON schema, arguments of a template): each list or object for itself; all of them
  together are bounded by `json_values`.

Lists of token ids have no count of their own: `json_values` bounds them.
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
"""Fields with a limit of their own; those of `_TEXTS` depend on their items, and to all others
`list_items` applies."""

_TEXTS = frozenset({"messages", "prompt", "input"})
"""Fields that hold messages, texts or token ids."""

_TOKEN_IDS = frozenset(
    {"prompt", "input", "tokens", "stop_token_ids", "allowed_token_ids", "logprob_token_ids"}
)


def refuse_too_many(body: Struct | dict[str, Any], limits: Limits, *, commas: int) -> None:
    """Raise InvalidParameter for the first list or object of *body* with too many items.

    *commas* are those in the JSON text of *body*, which spare most requests the search: a list of
    a thousand items takes 999.
    """
    if commas < _least(limits):
        return
    if isinstance(body, Struct):
        _search([body], "", limits, deep=commas >= limits.list_items)
    else:
        _refuse("", len(body), limits.list_items)
        for name, value in body.items():
            _search_free(value, name, limits.list_items)


def _least(limits: Limits) -> int:
    return min(
        limits.messages,
        limits.content_parts,
        limits.tools,
        limits.prompts,
        limits.stop_strings,
        limits.logit_bias,
        limits.list_items,
    )


def _search(structs: Sequence[Struct], place: str, limits: Limits, *, deep: bool) -> None:
    """Search *structs*, all of one type and found at *place*; free form only if *deep*."""
    for name in structs[0].__struct_fields__:
        values = [found for each in structs if (found := getattr(each, name)) is not None]
        held = [value for value in values if isinstance(value, list | dict)]
        at = f"{place}.{name}".removeprefix(".")
        if held:
            _search_held(held, at, name, limits, deep=deep)
        _search_structs(values, at, limits, deep=deep)


def _search_held(
    held: Sequence[list[Any] | dict[Any, Any]], at: str, name: str, limits: Limits, *, deep: bool
) -> None:
    items = [item for value in held for item in _items(value)]
    limit = _limit(name, items, limits)
    if limit is not None:
        lists = sum(len(value) for value in held if isinstance(value, list))
        objects = max((len(value) for value in held if isinstance(value, dict)), default=0)
        _refuse(at, max(lists, objects), limit)
    if name == "input":
        # Of responses: what the items hold is read later, one by one.
        parts = (len(part) for item in items if isinstance(item, dict) for part in _lists(item))
        _refuse(f"{at}[].content", sum(parts), limits.content_parts)
    _search_structs(items, f"{at}[]", limits, deep=deep)
    if deep and name not in _TOKEN_IDS:
        _search_free(items, at, limits.list_items, counted=True)


def _items(value: list[Any] | dict[Any, Any]) -> Iterable[Any]:
    return value if isinstance(value, list) else value.values()


def _lists(item: dict[str, Any]) -> Iterable[list[Any]]:
    return (value for value in item.values() if isinstance(value, list))


def _limit(name: str, items: Sequence[Any], limits: Limits) -> int | None:
    """Return how many *items* the field *name* may have, None if they are token ids."""
    if name in _TOKEN_IDS and items and isinstance(items[0], int):
        return None
    if name in _TEXTS:
        messages = bool(items) and isinstance(items[0], Struct | dict)
        return limits.messages if messages else limits.prompts
    found: int = getattr(limits, _LIMITS.get(name, "list_items"))
    return found


def _search_structs(values: Sequence[Any], at: str, limits: Limits, *, deep: bool) -> None:
    by_type: dict[type[Struct], list[Struct]] = {}
    for value in values:
        if isinstance(value, Struct):
            by_type.setdefault(type(value), []).append(value)
    for structs in by_type.values():
        _search(structs, at, limits, deep=deep)


def _search_free(value: Any, at: str, limit: int, *, counted: bool = False) -> None:
    """Search *value*, which has no known shape; it may be *counted* already."""
    level = [value]
    while level:
        held = [each for each in level if isinstance(each, list | dict)]
        if not counted:
            _refuse(at, max(map(len, held), default=0), limit)
        level = [item for each in held for item in _items(each)]
        at, counted = f"{at}[]", False


def _refuse(at: str, found: int, limit: int) -> None:
    if found > limit:
        name = f"`{at}`" if at else "The body"
        raise InvalidParameter(
            f"{name} has {found} items, more than the {limit} allowed.", param=at or None
        )
