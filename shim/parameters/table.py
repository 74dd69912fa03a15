"""For each Struct that a request is read into: the rules of what it does not honour."""

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
"""Places whose requests are mistaken for each other: a name of one is known to all."""


@cache
def rules_of(kind: type[Struct]) -> Rules:
    """Return the rules of *kind*: of documented names that are no fields, and of decided ones."""
    return rules_at(place_of(kind), wire_names(kind))


@cache
def names_of(kind: type[Struct]) -> frozenset[str]:
    """Return all names that *kind* may have: honoured or not."""
    return wire_names(kind) | rules_of(kind).keys()


def rules_at(place: str, honoured: frozenset[str]) -> Rules:
    """Return the rules at *place*, whose *honoured* names need none."""
    decided = DECISIONS.get(place, {})
    return {
        name: _completed(decided.get(name), name, known, elsewhere)
        for name, known, elsewhere in _documented(place)
        if name in decided or name not in honoured
    }


def wire_names(kind: type[Struct]) -> frozenset[str]:
    """Return the names of *kind*'s fields, and of its tag."""
    config = kind.__struct_config__
    tag = () if config.tag_field is None else (config.tag_field,)
    return frozenset({*(field.encode_name for field in msgspec.structs.fields(kind)), *tag})


def known_at(place: str) -> dict[str, Name]:
    """Return the names that are known at *place*, those of other routes included."""
    return {name: known for name, known, _ in _documented(place)}


def _documented(place: str) -> Iterator[tuple[str, Name, str]]:
    """Yield the names of *place*, and those of other places that are taken for its own.

    These are what is decided for it, and of a text route the other two's, with their routes.
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
    """Return *name* with all who document it anywhere, but without their defaults."""
    found = [names[name].by for names in documented().places.values() if name in names]
    return Name(sorted({one for by in found for one in by}))


def _completed(decided: Rule | None, name: str, known: Name, elsewhere: str) -> Rule:
    """Return the rule of *name*: its documented defaults ask for nothing."""
    defaults = known.defaults
    rule = decided or COMMON.get(name) or Refused()
    if isinstance(rule, Ignored):
        return rule
    hint = rule.hint or (f"It is a parameter of `{elsewhere}`." if elsewhere else "")
    harmless = rule.unless
    if is_among(value=True, values=defaults):  # so that false asks for something
        harmless = tuple(value for value in harmless if value is not False)
    if is_among(value=False, values=defaults):  # which forms write as a number, too
        harmless = (*harmless, 0)
    return Refused(hint, (*harmless, *defaults))
