"""The fields of a request, from a form or from JSON, into what they ask for."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from backends.whisper_options import Decoding
from shim.errors import InvalidParameter, invalid
from shim.parameters.rules import Ignored

from .json_text import VALUES, Shape, read, shapes
from .multipart_part import Field, Unread
from .protocol import TranscriptionForm
from .unsupported import ENGINE, RULES, refuse_unsupported

S = TypeVar("S", bound=Struct)

_OF_ENGINE = ("language", "task", "initial_prompt", "word_timestamps")
"""Arguments of faster-whisper's that are fields of the form; they may be in `engine`, too."""

_OPTIONS = {
    *Decoding.__struct_fields__,
    *_OF_ENGINE,
    "temperature",
    *(name for name, rule in RULES.items() if isinstance(rule, Ignored)),
}
"""Names that `engine` may have."""

_OTHERS = {"logprob_threshold": "log_prob_threshold"}
"""What OpenAI's Whisper and Hugging Face's call an option, and what faster-whisper does."""

_NUMBER_LENGTH = 32
"""Characters of a number, white space included, in a list that comes in one string."""

_NAME_LENGTH = 100
"""Characters of a name that an error repeats."""

_DEPTH = 4
"""Brackets that a name may have; nothing of ours is deeper."""

_BRACKETED = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")

_FORM, _DECODING = shapes(TranscriptionForm), shapes(Decoding)

_NUMBERS = frozenset(name for name, shape in _DECODING.items() if shape.items == "number")
"""Lists that may come in one string, separated by commas."""

_KNOWN = frozenset({*_FORM, *_DECODING, *_OTHERS, ENGINE})


def is_known(name: str) -> bool:
    """Return whether *name*, up to its first bracket, is that of a field."""
    return name.partition("[")[0] in _KNOWN


class Asked(Struct, frozen=True):
    """What the fields of a request say."""

    form: TranscriptionForm
    decoding: Decoding
    unknown: tuple[str, ...]
    """Names that nobody documents."""


def nested(pairs: Iterable[Field]) -> dict[str, Any]:
    """Return a form's fields as JSON would hold them.

    `a[]` and `a[0]` are items of a list, `a[b]` a field of an object; a plain name that comes twice
    is a list too. The empty string is what OpenAI's client sends for a field that is not set.
    Of a field that is not known, a value that could not be read is the empty string.
    Raises InvalidParameter for a name that is both a value and an object, and for a known field
    whose value could not be read.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if isinstance(value, Unread):
            if is_known(name):
                raise InvalidParameter(value.why, param=name)
            found.setdefault(name, "")
            continue
        if not value:
            continue
        matched = _BRACKETED.fullmatch(name)
        if matched is None or matched[2].count("[") > _DEPTH:
            found[name] = value
            continue
        head, *path = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
        _put(found, head, path, value, name)
    return found


def _put(into: dict[str, Any], head: str, path: list[str], value: str, name: str) -> None:
    if not path and head not in into:
        into[head] = value
        return
    if not path or (len(path) == 1 and (not path[0] or path[0].isdecimal())):
        already = into.setdefault(head, [])
        if not isinstance(already, list):
            into[head] = already = [already]
        already.append(value)
        return
    below = into.setdefault(head, {})
    if not isinstance(below, dict):
        raise InvalidParameter(f"`{name}` stands beside `{head}`.", param=head)
    _put(below, path[0], path[1:], value, name)


def asked(fields: Mapping[str, Any]) -> Asked:
    """Return what *fields*, as JSON holds them, ask for.

    A null is a field that is not set. Numbers and booleans may come as strings. Raises
    InvalidParameter or UnsupportedParameter, naming the field.
    """
    _check_size("", fields)
    for name, value in fields.items():
        _check_size(name, value)
    given = {_OTHERS.get(name, name): value for name, value in fields.items() if value is not None}
    form = {name: given.pop(name) for name in TranscriptionForm.__struct_fields__ if name in given}
    engine = _engine(given.pop(ENGINE, {}), {*given, *form})
    form |= {name: engine.pop(name) for name in _OF_ENGINE if name in engine}
    known = [name for name in Decoding.__struct_fields__ if name in given]
    decoding = {name: given.pop(name) for name in known} | engine
    form, decoding = read(form, _FORM), read(decoding, _DECODING)
    options = _converted(decoding, Decoding)
    unknown = refuse_unsupported(given, sampled=options.temperatures != (0.0,))
    return Asked(_converted(form, TranscriptionForm), options, unknown)


def _engine(engine: Any, beside: set[str]) -> dict[str, Any]:
    """Return the options in *engine*; raise InvalidParameter for one that is none, or *beside*."""
    engine = read({ENGINE: engine}, {ENGINE: Shape(object=True)}).get(ENGINE, {})
    if not isinstance(engine, dict):
        raise InvalidParameter("`engine` holds engine options by name.", param=ENGINE)
    for name, value in engine.items():
        _check_size(name, value)
    if strange := sorted(engine.keys() - _OPTIONS):
        option = strange[0][:_NAME_LENGTH]
        raise InvalidParameter(f"The engine has no option '{option}'.", param=f"{ENGINE}[{option}]")
    options = {
        name: value
        for name, value in engine.items()
        if value is not None and not isinstance(RULES.get(name), Ignored)
    }
    if (temperature := options.pop("temperature", None)) is not None:
        many = temperature if isinstance(temperature, list) else [temperature]
        options = {"temperatures": many, **options}
    if twice := sorted(options.keys() & beside):
        raise InvalidParameter(
            f"`{twice[0]}` stands beside `{ENGINE}[{twice[0]}]`.", param=twice[0]
        )
    return options


def _check_size(name: str, value: Any) -> None:
    """Raise InvalidParameter if *value*, of the field *name*, has more items than any of ours."""
    items = isinstance(value, list | dict) and len(value) > VALUES
    numbers = name in _NUMBERS and isinstance(value, str) and len(value) > VALUES * _NUMBER_LENGTH
    if items or numbers:
        name = name[:_NAME_LENGTH]
        holder = f"`{name}`" if name else "The body"
        raise InvalidParameter(f"{holder} has more than {VALUES} items.", param=name or None)


def _converted(fields: dict[str, Any], kind: type[S]) -> S:
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
