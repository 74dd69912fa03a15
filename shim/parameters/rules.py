"""What becomes of a documented parameter that is not honoured."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

NOTHING: tuple[object, ...] = ("", [], {}, False)
"""Values by which hardly any parameter asks for anything."""


class Ignored(Struct, frozen=True):
    """It cannot change the answer, so that any value is accepted."""

    why: str


class Refused(Struct, frozen=True):
    """It is refused by its name, with any value but null and those of *unless*."""

    hint: str = ""
    """What to do instead: a sentence, or nothing."""
    unless: tuple[object, ...] = NOTHING
    """Values that ask for nothing, besides null and the documented defaults."""


Rule = Ignored | Refused
Rules = Mapping[str, Rule]


def asks_for_something(value: object, rule: Refused) -> bool:
    """Return whether *value*, as JSON has it, would change an answer."""
    return value is not None and not is_among(value, rule.unless)


def is_among(value: object, values: Iterable[object]) -> bool:
    """Return whether *value* is one of *values*, of which false is not 0."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)


def plain(value: object) -> object:
    """Return the JSON value that a form's field *value* means: `"false"` is false, `"1.0"` is 1."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return value
    try:
        read: Any = msgspec.json.decode(value.strip().lower())
    except msgspec.DecodeError:
        return value
    return read


_LONGEST = 32
"""Characters of a number or a boolean; a longer text is neither."""
