"""Makes values of a wire type that are large in one place, for every list, object and text in it.

They are made from the types, so that new fields are covered without a change here.
"""

from collections.abc import Iterator
from typing import Any

from msgspec.inspect import (
    AnyType,
    BoolType,
    DictType,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
)


def smallest(kind: Type) -> Any:  # noqa: C901, PLR0911 - a case for each kind of type
    """Return a small valid value of *kind*, as JSON would be decoded."""
    match kind:
        case StrType(pattern=None):
            return "a"
        case StrType():
            return "wav"  # the only pattern is that of an audio format
        case IntType() | FloatType():
            return 1
        case BoolType():
            return False
        case NoneType() | AnyType():
            return None
        case LiteralType(values):
            return values[0]
        case ListType(item_type, min_length=least):
            return [smallest(item_type)] * (least or 0)
        case DictType():
            return {}
        case UnionType(types):
            return smallest(next(kind for kind in types if not isinstance(kind, NoneType)))
        case StructType():
            return _struct(kind)
    raise TypeError(f"not supported here: {kind}")


def _struct(kind: StructType) -> dict[str, Any]:
    body = {field.encode_name: smallest(field.type) for field in kind.fields if field.required}
    return body if kind.tag_field is None else {kind.tag_field: kind.tag, **body}


def grown(kind: Type, size: int, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each place in *kind* that can grow, and a value of *kind* with *size* items there.

    A place is a path such as `messages[].content[]`; a text has *size* characters.
    """
    match kind:
        case StrType() | LiteralType():
            yield f"{place}:text", "x" * size
        case ListType(item_type):
            yield f"{place}[]", [smallest(item_type) for _ in range(size)]
            yield from ((path, [value]) for path, value in grown(item_type, size, f"{place}[]"))
        case DictType(key_type, value_type):
            names = ("" if isinstance(key_type, IntType) else "k") + "{}"
            yield f"{place}{{}}", {names.format(n): smallest(value_type) for n in range(size)}
            name = names.format(1)
            yield from (
                (path, {name: value}) for path, value in grown(value_type, size, f"{place}{{}}")
            )
        case AnyType():
            yield from _free(size, place)
        case UnionType(types):
            for member in types:
                yield from grown(member, size, place)
        case StructType():
            for field in kind.fields:
                parent = f"{place}.{field.encode_name}".removeprefix(".")
                for path, value in grown(field.type, size, parent):
                    yield path, {**_struct(kind), field.encode_name: value}


def _free(size: int, place: str) -> Iterator[tuple[str, Any]]:
    yield f"{place}=object", {f"k{n}": n for n in range(size)}
    yield f"{place}=nested", {"a": [{"b": [n, {}]} for n in range(size)]}
