"""Values of a wire type that grow in one place: a list, an object, a text; for every place.

Made from the types, so that a new field is covered by itself.
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
    """Return a small valid value of *kind*, in values that JSON knows."""
    match kind:
        case StrType(pattern=None):
            return "a"
        case StrType():
            return "wav"  # the only pattern is that of a format
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
            return smallest(next(one for one in types if not isinstance(one, NoneType)))
        case StructType():
            return _struct(kind)
    raise TypeError(f"no request has a {kind} yet")


def _struct(kind: StructType) -> dict[str, Any]:
    body = {each.encode_name: smallest(each.type) for each in kind.fields if each.required}
    return body if kind.tag_field is None else {kind.tag_field: kind.tag, **body}


def grown(kind: Type, size: int, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a value of *kind* for every place in it that can grow, with *size* items there.

    Places are named like `messages[].content[]`; a text has so many characters.
    """
    match kind:
        case StrType() | LiteralType():
            yield f"{place}:text", "x" * size
        case ListType(item_type):
            yield f"{place}[]", [smallest(item_type) for _ in range(size)]
            yield from ((at, [value]) for at, value in grown(item_type, size, f"{place}[]"))
        case DictType(key_type, value_type):
            names = ("" if isinstance(key_type, IntType) else "k") + "{}"
            yield f"{place}{{}}", {names.format(n): smallest(value_type) for n in range(size)}
            name = names.format(1)
            yield from (
                (at, {name: value}) for at, value in grown(value_type, size, f"{place}{{}}")
            )
        case AnyType():
            yield from _free(size, place)
        case UnionType(types):
            for one in types:
                yield from grown(one, size, place)
        case StructType():
            for each in kind.fields:
                at = f"{place}.{each.encode_name}".removeprefix(".")
                for deeper, value in grown(each.type, size, at):
                    yield deeper, {**_struct(kind), each.encode_name: value}


def _free(size: int, place: str) -> Iterator[tuple[str, Any]]:
    yield f"{place}=object", {f"k{n}": n for n in range(size)}
    yield f"{place}=nested", {"a": [{"b": [n, {}]} for n in range(size)]}
