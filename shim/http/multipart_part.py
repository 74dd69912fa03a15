"""Decodes one part of a form, other than the file, by the charset that it declares."""

import msgspec
from msgspec import Struct

from .charset import codec

CHARSET = "_charset_"
"""Name of the field with the charset of all parts that do not declare one (RFC 7578, 4.6)."""

_DEFAULT = "utf-8"


class Unread(Struct, frozen=True):
    """A value that could not be read, which is an error if its field is known."""

    why: str
    """The message of that error."""


Field = tuple[str, str | Unread]
"""The name and the value of a part."""


class Part(Struct, kw_only=True):
    """The bytes of a part so far, and its headers."""

    name: str
    content: bytearray | None
    """None: discarded, because the part is a file under an unknown name."""
    content_type: str | None = None
    charset: str | None = None


def fields(parts: list[Part]) -> list[Field]:
    """Return the names and values of *parts*, except CHARSET."""
    default = _default(parts)
    return [(part.name, _text(part, default)) for part in parts if part.name != CHARSET]


def _default(parts: list[Part]) -> str:
    stated = [part.content for part in parts if part.name == CHARSET and part.content]
    return stated[0].decode("latin-1").strip() if stated else _DEFAULT


def _text(part: Part, default: str) -> str | Unread:
    if part.content is None:
        return Unread(f"`{part.name}` is not a field for a file.")
    charset = part.charset or default
    try:
        text = part.content.decode(codec(charset))
    except LookupError:
        return Unread(f"`{part.name}` has an unknown charset: {charset}.")
    except UnicodeError:
        return Unread(f"`{part.name}` is not {charset.upper()}.")
    return _unquoted(text) if part.content_type == "application/json" else text


def _unquoted(text: str) -> str:
    """Return *text*, a part's JSON; a JSON string is replaced by its value, null by "".

    Lists and objects stay as they are: `json_text.py` reads them by the type of their field.
    """
    stripped = text.strip()
    if stripped == "null":
        return ""
    try:
        return msgspec.json.decode(stripped, type=str) if stripped.startswith('"') else text
    except msgspec.DecodeError:
        return text
