"""Parses the fields of a request, from a form or from JSON, into typed values."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from backends.whisper_options import Decoding
from shim.errors import InvalidParameter, invalid
from shim.http.multipart_part import Field, Unread
from shim.parameters.rules import Ignored

from .json_text import VALUES, Shape, read, shapes
from .protocol import TranscriptionForm
from .unsupported import ENGINE, RULES, refuse_unsupported

S = TypeVar("S", bound=Struct)

_OF_ENGINE = ("language", "task", "initial_prompt", "word_timestamps")
"""Arguments of faster-whisper that are fields of the form; `engine` may hold them too."""

_OPTIONS = {
    *Decoding.__struct_fields__,
    *_OF_ENGINE,
    "temperature",
    *(name for name, rule in RULES.items() if isinstance(rule, Ignored)),
}
"""Names that `engine` may hold."""

_OTHER_NAMES = {"logprob_threshold": "log_prob_threshold"}
"""Names of options in OpenAI's and Hugging Face's Whisper, and their names in faster-whisper."""

_NUMBER_LENGTH = 32
"""Most characters of a number with its white space, in a list that comes as one string."""

_NAME_LENGTH = 100
"""Most characters of an unknown name that an error message quotes."""

_DEPTH = 4
"""Most brackets of a name; no field is nested deeper."""

_BRACKETED = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")

_FORM, _DECODING = shapes(TranscriptionForm), shapes(Decoding)

_NUMBERS = frozenset(name for name, shape in _DECODING.items() if shape.items == "number")
"""Names of lists that may come as one string, separated by commas."""

_KNOWN = frozenset({*_FORM, *_DECODING, *_OTHER_NAMES, ENGINE})


def is_known(name: str) -> bool:
    """Return whether *name*, up to its first bracket, is the name of a field."""
    return name.partition("[")[0] in _KNOWN


class ParsedForm(Struct, frozen=True):
    """The fields of a request, with their types and bounds checked."""

    form: TranscriptionForm
    decoding: Decoding
    unknown: tuple[str, ...]
    """Names that no known API documents."""


def nested(pairs: Iterable[Field]) -> dict[str, Any]:
    """Return a form's fields as a JSON object would hold them.

    `a[]` and `a[0]` are items of a list, `a[b]` is a field of an object; a plain name that comes
    twice is a list too. Empty strings are dropped: OpenAI's client sends them for fields that are
    not set. An unknown field whose value could not be read becomes the empty string.

    Raises InvalidParameter for a name that is both a value and an object, and for a known field
    whose value could not be read.
    """
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if isinstance(value, Unread):
            if is_known(name):
                raise InvalidParameter(value.why, param=name)
            fields.setdefault(name, "")
            continue
        if not value:
            continue
        matched = _BRACKETED.fullmatch(name)
        if matched is None or matched[2].count("[") > _DEPTH:
            fields[name] = value
            continue
        head, *path = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
        _put(fields, head, path, value, name)
    return fields


def _put(into: dict[str, Any], head: str, path: list[str], value: str, name: str) -> None:
    """Put *value* at *head* and *path* below it; *name* is the name as the form has it."""
    if not path and head not in into:
        into[head] = value
        return
    if not path or (len(path) == 1 and (not path[0] or path[0].isdecimal())):
        items = into.setdefault(head, [])
        if not isinstance(items, list):
            into[head] = items = [items]
        items.append(value)
        return
    members = into.setdefault(head, {})
    if not isinstance(members, dict):
        raise InvalidParameter(
            f"`{name}` makes `{head}` an object, but `{head}` also has a value of its own.",
            param=head,
        )
    _put(members, path[0], path[1:], value, name)


def parsed_form(fields: Mapping[str, Any]) -> ParsedForm:
    """Return *fields*, as JSON holds them, with their declared types.

    A null is a field that is not set. Numbers and booleans may come as strings. Raises
    InvalidParameter or UnsupportedParameter with the field's name.
    """
    _check_size("", fields)
    for name, value in fields.items():
        _check_size(name, value)
    remaining = {
        _OTHER_NAMES.get(name, name): value for name, value in fields.items() if value is not None
    }
    names = [name for name in TranscriptionForm.__struct_fields__ if name in remaining]
    form = {name: remaining.pop(name) for name in names}
    engine = _engine(remaining.pop(ENGINE, {}), {*remaining, *form})
    form |= {name: engine.pop(name) for name in _OF_ENGINE if name in engine}
    names = [name for name in Decoding.__struct_fields__ if name in remaining]
    decoding = {name: remaining.pop(name) for name in names} | engine
    form, decoding = read(form, _FORM), read(decoding, _DECODING)
    options = _converted(decoding, Decoding)
    unknown = refuse_unsupported(remaining, sampled=options.temperatures != (0.0,))
    return ParsedForm(_converted(form, TranscriptionForm), options, unknown)


def _engine(engine: Any, beside: set[str]) -> dict[str, Any]:
    """Return the options in *engine*, nulls dropped.

    Raises InvalidParameter for an unknown option, and for one that is also among *beside*, the
    names of the request's other fields.
    """
    engine = read({ENGINE: engine}, {ENGINE: Shape(object=True)}).get(ENGINE, {})
    if not isinstance(engine, dict):
        raise InvalidParameter("`engine` must be an object of engine options.", param=ENGINE)
    for name, value in engine.items():
        _check_size(name, value)
    if unknown := sorted(engine.keys() - _OPTIONS):
        option = unknown[0][:_NAME_LENGTH]
        raise InvalidParameter(f"The engine has no option '{option}'.", param=f"{ENGINE}[{option}]")
    options = {
        name: value
        for name, value in engine.items()
        if value is not None and not isinstance(RULES.get(name), Ignored)
    }
    if (temperature := options.pop("temperature", None)) is not None:
        temperatures = temperature if isinstance(temperature, list) else [temperature]
        options = {"temperatures": temperatures, **options}
    if twice := sorted(options.keys() & beside):
        raise InvalidParameter(
            f"`{twice[0]}` and `{ENGINE}[{twice[0]}]` are the same option: send one of them.",
            param=twice[0],
        )
    return options


def _check_size(name: str, value: Any) -> None:
    """Raise InvalidParameter if *value* of the field *name* has more than VALUES items.

    The empty name is that of the body itself.
    """
    too_many = isinstance(value, list | dict) and len(value) > VALUES
    too_long = name in _NUMBERS and isinstance(value, str) and len(value) > VALUES * _NUMBER_LENGTH
    if too_many or too_long:
        name = name[:_NAME_LENGTH]
        holder = f"`{name}`" if name else "The body"
        raise InvalidParameter(f"{holder} has more than {VALUES} items.", param=name or None)


def _converted(fields: dict[str, Any], kind: type[S]) -> S:
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
