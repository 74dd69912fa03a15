"""Refuses by name what a request asks for and is not honoured, wherever it stands in a body."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from shim.errors import UnsupportedParameter, shortened

from .derived_types import ORIGINAL, closed, nulls, refused_names, values
from .rules import Refused, asks_for_something

Parse = Callable[[Any], Any]
"""Decodes what was sent as the type that it is given."""

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?", re.DOTALL)
_NAME_BYTES = 60


def refuse_unsupported(parse: Parse, kind: Any) -> None:
    """Raise UnsupportedParameter for the first name that would change the answer.

    *parse* decodes what is valid as *kind*.
    """
    try:
        parse(nulls(kind))
    except msgspec.ValidationError:
        for path, rule in _asked(parse(values(kind)), ""):
            raise refusal(path, rule) from None


def refuse_unknown(parse: Parse, kind: Any) -> None:
    """Raise UnsupportedParameter for the first name that nobody documents, for strict mode."""
    try:
        parse(closed(kind))
    except msgspec.ValidationError as error:
        found = _UNKNOWN.fullmatch(str(error))
        if found is None:  # a field that is refused, but not for its value here
            return
        path = f"{found[2] or ''}.{found[1]}".removeprefix(".")
        raise unknown(path) from error


def unknown(path: str) -> UnsupportedParameter:
    """Return the refusal of a name that nobody documents."""
    said = shortened(path, 4 * _NAME_BYTES)
    return UnsupportedParameter(f"Unknown here, and refused in strict mode: {said}.", param=path)


def refusal(path: str, rule: Refused) -> UnsupportedParameter:
    """Return the refusal of the parameter at *path*."""
    hint = f" {rule.hint}" if rule.hint else ""
    return UnsupportedParameter(f"`{path}` is not supported by this server.{hint}", param=path)


def _asked(value: Any, path: str) -> Iterator[tuple[str, Refused]]:
    """Yield what is asked for in *value*, of a derived type with any values, and its rule."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _asked(item, f"{path}[{index}]")
    elif isinstance(value, Struct):
        for field, name, rule in _fields(type(value)):
            held = getattr(value, field)
            if held is None or held is UNSET:
                continue
            if rule is None:
                yield from _asked(held, f"{path}.{name}" if path else name)
            elif asks_for_something(held, rule):
                yield f"{path}.{name}" if path else name, rule


@cache
def _fields(derived: type[Struct]) -> tuple[tuple[str, str, Refused | None], ...]:
    """Return the fields of *derived*, with their names on the wire and the rules that refuse."""
    refused = refused_names(getattr(derived, ORIGINAL))
    names = zip(derived.__struct_fields__, derived.__struct_encode_fields__, strict=True)
    return tuple((field, name, refused.get(name)) for field, name in names)
