"""Defines the rules for documented parameters that are not honoured: ignored or refused."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

NOTHING: tuple[object, ...] = ("", [], {}, False)
"""Values that change nothing for most parameters, besides null."""


class Ignored(Struct, frozen=True):
    """The rule of a parameter that cannot change the answer: any value is accepted."""

    why: str
    """The reason: a sentence."""


class Refused(Struct, frozen=True):
    """The rule of a parameter that is refused, with any value but null and those of `unless`."""

    hint: str = ""
    """A sentence that says what to do instead, or nothing."""
    unless: tuple[object, ...] = NOTHING
    """Accepted values besides null: sending one is the same as leaving the parameter out."""


Rule = Ignored | Refused
Rules = Mapping[str, Rule]
"""The rule of each name."""


def asks_for_something(value: object, rule: Refused) -> bool:
    """Return whether the JSON *value* would change an answer, so that *rule* refuses it."""
    return value is not None and not is_among(value, rule.unless)


def is_among(value: object, values: Iterable[object]) -> bool:
    """Return whether *value* is one of *values*; false and 0 are different, as are true and 1."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)


def plain(value: object) -> object:
    """Return the JSON value of the text *value* of a form: `"false"` is false, `"1.0"` is 1.

    A long text, one that is not JSON, and a *value* that is not a text are returned as they are.
    """
    if not isinstance(value, str) or len(value) > _LONGEST:
        return value
    try:
        json_value: Any = msgspec.json.decode(value.strip().lower())
    except msgspec.DecodeError:
        return value
    return json_value


_LONGEST = 32
"""Most characters of a number or a boolean; a longer text is neither."""
