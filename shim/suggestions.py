"""Makes hints for invalid settings: the name that was probably meant, or the allowed values."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<given>.+?)`")
_WRONG_VALUE = re.compile(r"Invalid (enum )?value '(?P<given>.*)' - at `(?P<path>.*)`")
_ONE_TABLE = re.compile(r"Expected `array`, got `object` - at `\$\.models`")


def hint(message: str, kind: type[Any]) -> str:
    """Return a hint to append to msgspec's *message* about a value of *kind*, or an empty text."""
    if match := _UNKNOWN_FIELD.search(message):
        similar = get_close_matches(match["given"], sorted(_fields(kind)), n=1)
        return f" (did you mean {similar[0]}?)" if similar else ""
    if match := _WRONG_VALUE.search(message):
        allowed = _values(kind).get(re.sub(r"\[.*\]", "", match["path"].rpartition(".")[2]), [])
        similar = get_close_matches(match["given"], allowed, n=1)
        question = f"did you mean {similar[0]}? " if similar else ""
        return f" ({question}there are {', '.join(allowed)})" if allowed else ""
    return " (write [[models]])" if _ONE_TABLE.search(message) else ""


def _fields(kind: type[Any]) -> set[str]:
    """Return the names of all fields of *kind*, and of the Structs in it."""
    return {field.encode_name for struct in _structs(kind) for field in struct.fields}


def _values(kind: type[Any]) -> dict[str, list[str]]:
    """Return the allowed values of each field in *kind* that lists them; tags count as fields."""
    values: dict[str, list[str]] = {}
    for struct in _structs(kind):
        if struct.tag_field is not None:
            values.setdefault(struct.tag_field, []).append(str(struct.tag))
        for field in struct.fields:
            if isinstance(field.type, inspect.LiteralType):
                values[field.encode_name] = [str(value) for value in field.type.values]
    return values


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
