"""Reads form fields that hold JSON text: `include=["logprobs"]` equals `include[]=logprobs`.

The declared type of a field decides whether its value is read as JSON: a list begins with `[`, an
object with `{`. A text field such as `prompt` is never read as JSON.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct, inspect

from shim.errors import InvalidParameter
from shim.http.json_decoding import refuse_values

VALUES = 4096
"""Most items and members, at all levels, of one field's value; no declared field takes more."""

_SPACE = " \t\r\n"


class Shape(NamedTuple):
    """The kinds of values that a field takes beside null."""

    text: bool = False
    """Any text."""
    items: Literal["text", "number", "other"] | None = None
    """The type of a list's items; None if the field takes no list."""
    object: bool = False
    """Objects."""


def shapes(kind: type[Struct]) -> dict[str, Shape]:
    """Return the shape of each field of *kind*."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101  for the type checker
    return {field.encode_name: _shape(field.type) for field in info.fields}


def _shape(declared: inspect.Type) -> Shape:
    match declared:
        case inspect.Metadata():
            return _shape(declared.type)
        case inspect.UnionType():
            parts = [_shape(part) for part in declared.types]
            return Shape(
                text=any(part.text for part in parts),
                items=next((part.items for part in parts if part.items), None),
                object=any(part.object for part in parts),
            )
        case inspect.ListType() | inspect.VarTupleType():
            return Shape(items=_items(declared.item_type))
        case inspect.StructType() | inspect.DictType():
            return Shape(object=True)
        case inspect.StrType() | inspect.AnyType():
            return Shape(text=True)
        case _:
            return Shape()


def _items(declared: inspect.Type) -> Literal["text", "number", "other"]:
    if isinstance(declared, inspect.Metadata):
        declared = declared.type
    if isinstance(declared, inspect.IntType | inspect.FloatType):
        return "number"
    return "text" if isinstance(declared, inspect.StrType) else "other"


def read(fields: Mapping[str, Any], declared: Mapping[str, Shape]) -> dict[str, Any]:
    """Return *fields*, all of them in *declared*, with JSON text replaced by its value.

    A list field with one plain value becomes a list of it; numbers may be separated by commas.
    White space around values and the text `null` are dropped, unless their field takes any text.

    Raises InvalidParameter with the field's name for text that begins as JSON and is not valid
    JSON, and for more than VALUES values.
    """
    values = {name: _value(name, value, declared[name]) for name, value in fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _value(name: str, value: Any, shape: Shape) -> Any:
    if shape.items and isinstance(value, list | tuple):
        return _joined(name, value, shape)
    if shape.items == "number" and isinstance(value, int | float):
        return [value]
    if not isinstance(value, str) or shape.text:
        return value
    if shape.items or shape.object:
        value = _structured(name, value, shape)
    if not isinstance(value, str):
        return value
    text = value.strip(_SPACE)
    return None if text == "null" else text


def _structured(name: str, value: str, shape: Shape) -> Any:
    """Return the *value* of a list or object field, as JSON or as one plain value."""
    text = value.strip(_SPACE)
    if (shape.items and text.startswith("[")) or (shape.object and text.startswith("{")):
        return _decoded(name, text)
    if (quoted := _quoted(text)) is not None:
        return _structured(name, quoted, shape)  # some clients encode twice
    if text in ("", "null"):
        return None
    if shape.items is None:
        return value
    return _numbers(name, value) if shape.items == "number" else [value]


def _numbers(name: str, text: str) -> list[str]:
    if text.count(",") >= VALUES:
        raise _too_many(name)
    return [number.strip() for number in text.split(",")]


def _joined(name: str, items: Iterable[Any], shape: Shape) -> list[Any]:
    """Return *items*, where an item that is the JSON text of a list is replaced by its items."""
    joined: list[Any] = []
    for item in items:
        joined += _list(name, item, shape)
        if len(joined) > VALUES:
            raise _too_many(name)
    return joined


def _too_many(name: str) -> InvalidParameter:
    return InvalidParameter(f"`{name}` has more than {VALUES} items.", param=name)


def _list(name: str, item: Any, shape: Shape) -> list[Any]:
    if not isinstance(item, str):
        return [item]
    if not item.lstrip(_SPACE).startswith("["):
        return _numbers(name, item) if shape.items == "number" else [item]
    try:
        items = _decoded(name, item)
    except InvalidParameter:
        # It may be a text such as `[laughter]`; where texts are not allowed its type is refused.
        return [item]
    texts = isinstance(items, list) and all(isinstance(text, str) for text in items)
    return [item] if shape.items == "text" and not texts else items


def _quoted(text: str) -> str | None:
    """Return the value of *text* if it is a JSON string in quotes, else None."""
    if not text.startswith('"'):
        return None
    try:
        return msgspec.json.decode(text, type=str)
    except msgspec.DecodeError:
        return None


def _decoded(name: str, text: str) -> Any:
    raw = text.encode(errors="surrogatepass")
    refuse_values(raw, VALUES, param=name)
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter(
            f"`{name}` begins like JSON, but is not valid JSON: {error}.", param=name
        ) from error
