"""Splits a JSON body into its fields and its recording, or many of them in `files`."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from shim.errors import InvalidParameter

from .base64_audio import decode, is_data_url

SILENCE = " "
"""The text of a silent recording, for JSON bodies only.

The harness that sends such bodies treats an empty text as a missing one, and then scores the JSON
of the whole answer. It accepts a space as a text, and every normaliser removes the space.
"""

ONE, MANY = "file", "files"
"""The fields with a recording, and with many."""

ID, URL = "file_id", "file_url"
"""The fields that name a recording: a file's id, and a URL, which may be `data:`."""

WAYS = (ONE, ID, URL)
"""The fields of which a recording has one: those of a body, and of an object in `files`."""

_URL_LENGTH = 8192
"""Most characters of a URL that is fetched; a `data:` URL may have any number."""


class Stored(Struct, frozen=True):
    """A recording in a file that the client has uploaded before."""

    id: str


class Link(Struct, frozen=True):
    """A recording at a URL other than `data:`."""

    url: str


Content: TypeAlias = bytes | Stored | Link | InvalidParameter
"""A recording, or where it is; or, for one of many, why it cannot be read."""


class Source(Struct, frozen=True):
    """A recording of the body."""

    place: str
    """The path of its field in the body, for errors."""
    content: Content


class Split(Struct, frozen=True):
    """The parts of a body."""

    fields: dict[str, Any]
    """All members without recordings."""
    sources: list[Source]
    """At least one."""
    listed: bool
    """Whether they came as a list, and so are answered as one."""


def split(body: Any, *, field_bytes: int, files: int) -> Split:
    """Return the fields of *body*, and its recordings, decoded if they are in the body.

    Raises InvalidParameter for a body that is not an object; for none or several of `file`,
    `file_id`, `file_url` and `files`, and an invalid one; for a `files` that is not a list of 1 to
    *files* recordings; and for fields that take more than *field_bytes* as JSON. One of many that
    is not base64 is an error of its own.
    """
    if not isinstance(body, dict):
        raise InvalidParameter("The body must be a JSON object with a `file`.")
    fields = dict(body)
    given = {name: fields.pop(name, None) for name in (*WAYS, MANY)}
    name, value = _only(given)
    listed = name == MANY
    if listed:
        sources = _listed(value, most=files)
    else:
        sources = [Source(name, _content(name, _text(name, value, name), name))]
    if len(msgspec.json.encode(fields)) > field_bytes:
        raise InvalidParameter(f"The fields beside `{name}` take more than {field_bytes} bytes.")
    return Split(fields, sources, listed)


def _only(given: Mapping[str, Any], within: str = "") -> tuple[str, Any]:
    """Return the only one of the fields *given* that is set, with its value.

    *within* is the path of the object that has them, with a dot at its end.
    """
    found = [(name, value) for name, value in given.items() if value is not None]
    if not found:
        place = f"{within}{ONE}"
        raise InvalidParameter(f"Missing required parameter: '{place}'.", param=place)
    if len(found) > 1:
        names = [f"`{within}{name}`" for name, _ in found]
        raise InvalidParameter(
            f"Only one of {' and '.join(names)} can be sent.", param=f"{within}{found[1][0]}"
        )
    return found[0]


def _text(name: str, value: Any, place: str) -> str:
    if not isinstance(value, str):
        hint = ": base64, or a data: URL" if name == ONE else ""
        raise InvalidParameter(f"`{place}` must be a string{hint}.", param=place)
    return value


def _content(name: str, text: str, place: str) -> Content:
    """Return the recording that *text* in a field *name* is; raise InvalidParameter if none."""
    if name == ID:
        return Stored(text)
    if name == ONE or is_data_url(text):
        return decode(text, param=place).getvalue()
    if len(text) > _URL_LENGTH:
        raise InvalidParameter(f"`{place}` has more than {_URL_LENGTH} characters.", param=place)
    return Link(text)


def _listed(files: Any, *, most: int) -> list[Source]:
    if not isinstance(files, list) or not files:
        raise InvalidParameter(f"`{MANY}` must be a list of recordings.", param=MANY)
    if len(files) > most:
        raise InvalidParameter(
            f"`{MANY}` has {len(files)} items, more than the {most} allowed.", param=MANY
        )
    return [_item(file, f"{MANY}[{number}]") for number, file in enumerate(files)]


def _item(file: Any, place: str) -> Source:
    """Return one of many recordings: a text as in `file`, or an object with one of `WAYS`.

    If the text is invalid, that is the recording's own error.
    """
    name = ONE
    if isinstance(file, dict):
        if unknown := file.keys() - {*WAYS}:
            raise InvalidParameter(f"`{place}` has no field `{min(unknown)}`.", param=place)
        name, file = _only(file, f"{place}.")
        place = f"{place}.{name}"
    text = _text(name, file, place)
    try:
        return Source(place, _content(name, text, place))
    except InvalidParameter as error:
        return Source(place, error)
