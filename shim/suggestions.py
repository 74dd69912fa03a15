"""Makes hints for refused settings: the name that was probably meant, or the allowed values."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<given>.+?)`")
_WRONG_VALUE = re.compile(r"Invalid (enum )?value '(?P<given>.*)' - at `(?P<path>.*)`")
_ONE_TABLE = re.compile(r"Expected `array`, got `object` - at `\$\.models`")


def hint(message: str, kind: type[Any]) -> str:
    """Return what to add to msgspec's *message* about a value of *kind*, empty if nothing helps."""
    if found := _UNKNOWN_FIELD.search(message):
        near = get_close_matches(found["given"], sorted(_fields(kind)), n=1)
        return f" (did you mean {near[0]}?)" if near else ""
    if found := _WRONG_VALUE.search(message):
        allowed = _values(kind).get(re.sub(r"\[.*\]", "", found["path"].rpartition(".")[2]), [])
        near = get_close_matches(found["given"], allowed, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        return f" ({meant}there are {', '.join(allowed)})" if allowed else ""
    return " (write [[models]])" if _ONE_TABLE.search(message) else ""


def _fields(kind: type[Any]) -> set[str]:
    """Return the names of all fields of *kind*, and of the Structs in it."""
    return {field.encode_name for struct in _structs(kind) for field in struct.fields}


def _values(kind: type[Any]) -> dict[str, list[str]]:
    """Return the values that the fields of *kind* may have, of those fields that list them."""
    found: dict[str, list[str]] = {}
    for struct in _structs(kind):
        if struct.tag_field is not None:
            found.setdefault(struct.tag_field, []).append(str(struct.tag))
        for field in struct.fields:
            if isinstance(field.type, inspect.LiteralType):
                found[field.encode_name] = [str(value) for value in field.type.values]
    return found


def _structs(kind: type[Any]) -> Iterator[inspect.StructType]:
    waiting: list[inspect.Type] = [inspect.type_info(kind)]
    while waiting:
        match waiting.pop():
            case inspect.StructType() as struct:
                yield struct
                waiting += [field.type for field in struct.fields]
            case inspect.UnionType() as union:
                waiting += union.types
            case inspect.VarTupleType() | inspect.ListType() as items:
                waiting.append(items.item_type)
            case inspect.Metadata() as described:
                waiting.append(described.type)
