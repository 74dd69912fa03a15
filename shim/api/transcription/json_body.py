"""Splits a JSON body into its fields and its recordings: `file`, or `files` for many."""

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from shim.errors import InvalidParameter

from .base64_audio import decode

SILENCE = " "
"""The text of a silent recording, for JSON bodies only.

The harness that sends such bodies treats an empty text as a missing one, and then scores the JSON
of the whole answer. It accepts a space as a text, and every normaliser removes the space.
"""

ONE, MANY = "file", "files"
"""The fields with recordings."""

Content: TypeAlias = bytes | InvalidParameter
"""The bytes of a recording; or, for one of many, why there are none."""


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
    """Return the fields of *body*, and its recordings decoded from base64.

    Raises InvalidParameter for a body that is not an object, for a missing or invalid `file`,
    for a `files` that is not a list of 1 to *files* texts, for both together, and for fields that
    take more than *field_bytes* as JSON. One of many that is not base64 is an error of its own.
    """
    if not isinstance(body, dict):
        raise InvalidParameter("The body must be a JSON object with a `file`.")
    fields = dict(body)
    one, many = fields.pop(ONE, None), fields.pop(MANY, None)
    if one is not None and many is not None:
        raise InvalidParameter(f"Send either `{ONE}` or `{MANY}`.", param=MANY)
    sources = [_one(one)] if many is None else _listed(many, most=files)
    if len(msgspec.json.encode(fields)) > field_bytes:
        raise InvalidParameter(f"The fields beside `{ONE}` take more than {field_bytes} bytes.")
    return Split(fields, sources, many is not None)


def _one(file: Any) -> Source:
    if file is None:
        raise InvalidParameter(f"Missing required parameter: '{ONE}'.", param=ONE)
    return Source(ONE, decode(_text(file, ONE), param=ONE).getvalue())


def _listed(files: Any, *, most: int) -> list[Source]:
    if not isinstance(files, list) or not files:
        raise InvalidParameter(f"`{MANY}` must be a list of recordings.", param=MANY)
    if len(files) > most:
        raise InvalidParameter(
            f"`{MANY}` has {len(files)} items, more than the {most} allowed.", param=MANY
        )
    places = [f"{MANY}[{number}]" for number in range(len(files))]
    texts = [_text(file, place) for file, place in zip(files, places, strict=True)]
    return [Source(place, _content(text, place)) for text, place in zip(texts, places, strict=True)]


def _text(file: Any, place: str) -> str:
    if not isinstance(file, str):
        raise InvalidParameter(f"`{place}` must be a string: base64, or a data: URL.", param=place)
    return file


def _content(text: str, place: str) -> Content:
    """Return the bytes in *text*, or the error of this one among many."""
    try:
        return decode(text, param=place).getvalue()
    except InvalidParameter as error:
        return error
