"""Derives types from a request's own, with which msgspec finds refused names in one pass.

That search runs no Python code per object: a body may have thousands of messages and parts.
"""

from collections.abc import Callable, Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct

from .rules import Refused
from .table import rules_of, wire_names

SHAPE = "shape"
"""The key in `Meta.extra` for a dict that has known names: its value is a Struct with them."""

ORIGINAL = "original"
"""The attribute of a derived type that holds the type it was derived from."""


def refused_names(kind: type[Struct]) -> dict[str, Refused]:
    """Return the names that *kind* refuses, each with its rule."""
    return {name: rule for name, rule in rules_of(kind).items() if isinstance(rule, Refused)}


@cache
def nulls(kind: Any) -> Any:
    """Return a type with only the refused names of *kind*, at any depth; it accepts only nulls."""
    return _narrowed(kind, None, nulls)


@cache
def values(kind: Any) -> Any:
    """Return the type of `nulls`, but one that accepts any values; missing ones are UNSET."""
    return _narrowed(kind, Any, values)


@cache
def closed(kind: Any) -> Any:
    """Return a type with all names that *kind* may have; at any depth it accepts no others."""
    if not is_struct(kind):
        return _mapped(kind, closed)
    fields = [
        (field.encode_name, closed(field.type), UNSET) for field in msgspec.structs.fields(kind)
    ]
    others = sorted(rules_of(kind).keys() - wire_names(kind))
    return _like(kind, [*fields, *((name, Any, UNSET) for name in others)], closed=True)


def _narrowed(kind: Any, value: Any, derive: Callable[[Any], Any]) -> Any:
    """Return *kind* with only refused names, of the type *value*, and fields that hold such names.

    *derive* makes the types of those fields.
    """
    if not is_struct(kind):
        return _mapped(kind, derive)
    refused = refused_names(kind)
    parents = [
        (field.encode_name, derive(field.type), UNSET)
        for field in msgspec.structs.fields(kind)
        if field.encode_name not in refused and _refuses(field.type)
    ]
    return _like(kind, [*parents, *((name, value, UNSET) for name in sorted(refused))])


@cache
def _refuses(kind: Any) -> bool:
    """Return whether any Struct in *kind* has refused names."""
    if not is_struct(kind):
        return any(map(_refuses, held_types(kind)))
    types = (field.type for field in msgspec.structs.fields(kind))
    return bool(refused_names(kind)) or any(map(_refuses, types))


def _like(kind: type[Struct], fields: list[Any], *, closed: bool = False) -> type[Struct]:
    """Return a Struct with *fields* and with the name and the tag of *kind*.

    A field is its name on the wire, its type and its default; if *closed*, no others are accepted.
    """
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        [(identifier(name), *rest) for name, *rest in fields],
        namespace={ORIGINAL: kind},
        tag=config.tag,
        tag_field=config.tag_field,
        forbid_unknown_fields=closed,
        rename={identifier(name): name for name, *_ in fields},
        kw_only=True,
    )


def identifier(name: str) -> str:
    """Return a name for a field from *name*, which may be a Python keyword such as `async`."""
    return f"{name}_"


def _mapped(kind: Any, derive: Callable[[Any], Any]) -> Any:
    """Return *kind*, which is not a Struct, with *derive* applied to the types in it."""
    origin, types = get_origin(kind), held_types(kind)
    if origin is Annotated:
        # The first decoding has checked the constraints already.
        return derive(types[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(derive, types))]  # noqa: UP007  made at run time
    if origin is list:
        return list[derive(types[0])]  # type: ignore[misc]
    return kind


def held_types(kind: Any) -> tuple[Any, ...]:
    """Return the types in *kind*, which is not a Struct: of a union's members, a list's items.

    A dict is free form and has no types, unless its annotation names a Struct (`SHAPE`).
    """
    origin = get_origin(kind)
    if origin is Annotated:
        return (next(_shapes(kind), get_args(kind)[0]),)
    return get_args(kind) if origin in (Union, UnionType, list) else ()


def _shapes(kind: Any) -> Iterator[type[Struct]]:
    for meta in kind.__metadata__:
        if isinstance(meta, msgspec.Meta) and meta.extra and SHAPE in meta.extra:
            yield meta.extra[SHAPE]


def is_struct(kind: Any) -> bool:
    """Return whether *kind* is a Struct."""
    return isinstance(kind, type) and issubclass(kind, Struct)
