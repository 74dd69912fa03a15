"""Combines documented names and decisions into the rules of each Struct of a request."""

from collections.abc import Iterator
from functools import cache

import msgspec
from msgspec import Struct

from .decisions import COMMON, DECISIONS
from .documented import Name, documented, place_of
from .rules import Ignored, Refused, Rule, Rules, is_among

_TEXT_ROUTES = {
    "chat.ChatRequest": "/v1/chat/completions",
    "completions.CompletionRequest": "/v1/completions",
    "responses.ResponsesRequest": "/v1/responses",
}
"""Places whose requests clients confuse, with their routes: a name of one is known in all."""


@cache
def rules_of(kind: type[Struct]) -> Rules:
    """Return the rules of *kind*: for documented names that are not fields, and decided names."""
    return rules_at(place_of(kind), wire_names(kind))


@cache
def names_of(kind: type[Struct]) -> frozenset[str]:
    """Return all known names of *kind*: its fields and the names with rules."""
    return wire_names(kind) | rules_of(kind).keys()


def rules_at(place: str, honoured: frozenset[str]) -> Rules:
    """Return the rules at *place*; *honoured* names have one only if it was decided."""
    decided = DECISIONS.get(place, {})
    return {
        name: _completed(decided.get(name), name, known, elsewhere)
        for name, known, elsewhere in _documented(place)
        if name in decided or name not in honoured
    }


def wire_names(kind: type[Struct]) -> frozenset[str]:
    """Return the names of *kind*'s fields in JSON, and that of its tag."""
    config = kind.__struct_config__
    tag = () if config.tag_field is None else (config.tag_field,)
    return frozenset({*(field.encode_name for field in msgspec.structs.fields(kind)), *tag})


def known_at(place: str) -> dict[str, Name]:
    """Return the known names at *place*, including those of other routes."""
    return {name: known for name, known, _ in _documented(place)}


def _documented(place: str) -> Iterator[tuple[str, Name, str]]:
    """Yield each known name at *place*, and the route that it belongs to if it is another.

    Names from elsewhere are those that were decided for *place*, and for a text route those of the
    other two.
    """
    places = documented().places
    names = {name: (known, "") for name, known in places.get(place, {}).items()}
    for other, route in _TEXT_ROUTES.items() if place in _TEXT_ROUTES else ():
        for name, known in places[other].items():
            names.setdefault(name, (known, route))
    for name in DECISIONS.get(place, {}):
        names.setdefault(name, (_known_elsewhere(name), ""))
    yield from ((name, known, route) for name, (known, route) in names.items())


def _known_elsewhere(name: str) -> Name:
    """Return *name* with all packages that document it in any place, but without defaults."""
    documenters = (names[name].by for names in documented().places.values() if name in names)
    return Name(sorted({package for by in documenters for package in by}))


def _completed(decided: Rule | None, name: str, known: Name, elsewhere: str) -> Rule:
    """Return the rule of *name*; if it refuses, it accepts the documented defaults.

    *elsewhere* is the other route that *name* belongs to, or empty.
    """
    defaults = known.defaults
    rule = decided or COMMON.get(name) or Refused()
    if isinstance(rule, Ignored):
        return rule
    hint = rule.hint or (f"It is a parameter of `{elsewhere}`." if elsewhere else "")
    accepted = rule.unless
    if is_among(value=True, values=defaults):  # then false changes the answer
        accepted = tuple(value for value in accepted if value is not False)
    if is_among(value=False, values=defaults):  # forms write false as 0 too
        accepted = (*accepted, 0)
    return Refused(hint, (*accepted, *defaults))
