"""Types made of a request's own, by which msgspec finds in one pass what a request may not have.

What is found so costs no Python per object: a body may hold thousands of messages and parts.
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
"""The key in a `Meta.extra` of the Struct whose names an object has that is read as a dict."""

ORIGINAL = "original"
"""The attribute of a derived type that holds the type it was made of."""


def refused_names(kind: type[Struct]) -> dict[str, Refused]:
    """Return the rules of *kind* that refuse."""
    return {name: rule for name, rule in rules_of(kind).items() if isinstance(rule, Refused)}


@cache
def nulls(kind: Any) -> Any:
    """Return the type of *kind*'s refused names alone, at any depth, which takes only nulls."""
    return _narrowed(kind, None, nulls)


@cache
def values(kind: Any) -> Any:
    """Return the same with any values, UNSET where there is none."""
    return _narrowed(kind, Any, values)


@cache
def closed(kind: Any) -> Any:
    """Return *kind* with all names that are documented, which takes no others, at any depth."""
    if not is_struct(kind):
        return _mapped(kind, closed)
    fields = [
        (field.encode_name, closed(field.type), UNSET) for field in msgspec.structs.fields(kind)
    ]
    others = sorted(rules_of(kind).keys() - wire_names(kind))
    return _like(kind, [*fields, *((name, Any, UNSET) for name in others)], closed=True)


def _narrowed(kind: Any, value: Any, within: Callable[[Any], Any]) -> Any:
    if not is_struct(kind):
        return _mapped(kind, within)
    refused = refused_names(kind)
    held = [
        (field.encode_name, within(field.type), UNSET)
        for field in msgspec.structs.fields(kind)
        if field.encode_name not in refused and _refuses(field.type)
    ]
    return _like(kind, [*held, *((name, value, UNSET) for name in sorted(refused))])


@cache
def _refuses(kind: Any) -> bool:
    """Return whether any Struct in *kind* has a name that is refused."""
    if not is_struct(kind):
        return any(map(_refuses, held_types(kind)))
    inner = (field.type for field in msgspec.structs.fields(kind))
    return bool(refused_names(kind)) or any(map(_refuses, inner))


def _like(kind: type[Struct], fields: list[Any], *, closed: bool = False) -> type[Struct]:
    """Return a Struct with *fields*, and the tag and the names of *kind*."""
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
    """Return *name* as a field may be called: `async` is a keyword of Python."""
    return f"{name}_"


def _mapped(kind: Any, made: Callable[[Any], Any]) -> Any:
    """Return *kind*, which is no Struct, with what *made* makes of the types in it."""
    origin, held = get_origin(kind), held_types(kind)
    if origin is Annotated:
        # What a read value has passed need not be checked again.
        return made(held[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(made, held))]  # noqa: UP007  made at run time
    if origin is list:
        return list[made(held[0])]  # type: ignore[misc]
    return kind


def held_types(kind: Any) -> tuple[Any, ...]:
    """Return the types that *kind*, which is no Struct, is made of; of a dict none: it is free."""
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
