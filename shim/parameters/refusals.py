"""Refuses parameters by name: those that are not honoured, and in strict mode undocumented ones."""

import heapq
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from shim.errors import UnsupportedParameter, shortened

from .derived_types import ORIGINAL, closed, nulls, refused_names, values
from .rules import Refused, asks_for_something

Parse = Callable[[Any], Any]
"""A function that decodes the request, or a part of it, as the type in its argument."""

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?", re.DOTALL)

_LISTED = 10
"""Most undocumented names that one refusal lists."""

_NAME_BYTES = 60
"""Most bytes of each of several listed names."""

_PATH_BYTES = 240
"""Most bytes of the path of a single name."""


def refuse_unsupported(parse: Parse, kind: Any) -> None:
    """Raise UnsupportedParameter for the first name whose value would change the answer.

    *parse* decodes a value that is valid as *kind*.
    """
    try:
        parse(nulls(kind))
    except msgspec.ValidationError:
        for path, rule in _unsupported(parse(values(kind)), ""):
            raise refusal(path, rule) from None


def refuse_unknown(parse: Parse, kind: Any) -> None:
    """Raise UnsupportedParameter for the first undocumented name at any depth: strict mode.

    *parse* decodes a value that is valid as *kind*.
    """
    try:
        parse(closed(kind))
    except msgspec.ValidationError as error:
        match = _UNKNOWN.fullmatch(str(error))
        if match is None:  # an error about a value, and values have been checked before
            return
        path = f"{match[2] or ''}.{match[1]}".removeprefix(".")
        raise _unknown(shortened(path, _PATH_BYTES), param=path) from error


def refuse_unknown_names(unknown: Collection[str]) -> None:
    """Raise UnsupportedParameter if there are *unknown* names: strict mode.

    The message lists the first ten in alphabetical order.
    """
    if not unknown:
        return
    first = heapq.nsmallest(_LISTED, unknown)
    names = ", ".join(shortened(name, _NAME_BYTES) for name in first)
    more = len(unknown) - len(first)
    raise _unknown(names + (f" … and {more} more" if more else ""), param=first[0])


def _unknown(names: str, *, param: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"Unknown here, and refused in strict mode: {names}.", param=param)


def refusal(path: str, rule: Refused) -> UnsupportedParameter:
    """Return the error for the parameter at *path*, with the hint of its *rule*."""
    hint = f" {rule.hint}" if rule.hint else ""
    return UnsupportedParameter(f"`{path}` is not supported by this server.{hint}", param=path)


def _unsupported(value: Any, path: str) -> Iterator[tuple[str, Refused]]:
    """Yield the path and the rule of each refused name in *value*, which `values` typed."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unsupported(item, f"{path}[{index}]")
    elif isinstance(value, Struct):
        for field, name, rule in _fields(type(value)):
            field_value = getattr(value, field)
            if field_value is None or field_value is UNSET:
                continue
            if rule is None:
                yield from _unsupported(field_value, f"{path}.{name}" if path else name)
            elif asks_for_something(field_value, rule):
                yield f"{path}.{name}" if path else name, rule


@cache
def _fields(derived: type[Struct]) -> tuple[tuple[str, str, Refused | None], ...]:
    """Return the fields of *derived*, each with its name on the wire and the rule against it."""
    refused = refused_names(getattr(derived, ORIGINAL))
    names = zip(derived.__struct_fields__, derived.__struct_encode_fields__, strict=True)
    return tuple((field, name, refused.get(name)) for field, name in names)
