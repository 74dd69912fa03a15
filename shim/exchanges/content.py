"""Reads the content of a request's body: the parts of a form, JSON, or bytes."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, BinaryIO, TypeAlias

import msgspec
from msgspec import Meta, Struct
from multipart import MultipartError, MultipartParser, MultipartPart, parse_options_header

_PIECE_BYTES = 1 << 16
"""Bytes that are read from a body at once."""

_PARTS = 1000
_HEADER_BYTES = 16 << 10
"""Most parts of a form and bytes of a header, as on the route of transcriptions."""


class Blob(Struct, frozen=True):
    """Bytes by their hash, which is the name of their file: 64 hexadecimal digits, never a path."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    size: int

    @property
    def label(self) -> str:
        """The text by which the bytes are compared, and shown in messages."""
        return f"sha256:{self.sha256} ({self.size} bytes)"


Keep: TypeAlias = Callable[[BinaryIO], Blob]
"""Reads a file to its end and returns its hash; it may keep the bytes."""


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a form: a short text, or a file by its hash."""

    name: str
    filename: str | None = None
    text: str | None = None
    blob: Blob | None = None


def hashed(body: BinaryIO) -> Blob:
    """Return the hash of *body*, and keep nothing."""
    digest, size = hashlib.sha256(), 0
    while piece := body.read(_PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
    return Blob(digest.hexdigest(), size)


def form(body: BinaryIO, content_type: str, keep: Keep) -> list[Part] | None:
    """Return the parts of *body*; None if it is not a form, or not a valid one.

    *keep* is called with each file. A form that cannot be read counts as bytes: its route answers
    what is wrong with it.
    """
    media, options = parse_options_header(content_type)
    boundary = options.get("boundary")
    if media != "multipart/form-data" or not boundary:
        return None
    parser = MultipartParser(
        body,
        boundary,
        charset="latin-1",
        part_limit=_PARTS,
        headersize_limit=_HEADER_BYTES,
        spool_limit=_PIECE_BYTES,
    )
    parts: list[Part] = []
    try:
        for part in parser:
            parts.append(_part(part, keep))
            part.close()
    except MultipartError:
        return None
    return parts


def _part(part: MultipartPart, keep: Keep) -> Part:
    text = _text(part)
    blob = keep(part.file) if text is None else None
    return Part(name=part.name, filename=part.filename, text=text, blob=blob)


def _text(part: MultipartPart) -> str | None:
    if part.filename is not None or not part.is_buffered():
        return None
    try:
        return str(part.raw, "utf-8")
    except UnicodeDecodeError:
        return None


def of_form(parts: Sequence[Part]) -> dict[str, list[str]]:
    """Return *parts* in a form that can be compared: by name, without boundaries and file names."""
    content: dict[str, list[str]] = {}
    for part in parts:
        value = part.text if part.blob is None else part.blob.label
        content.setdefault(part.name, []).append(value or "")
    return content


def of_bytes(body: BinaryIO) -> Any:
    """Return *body* in a form that can be compared: its JSON, or the label of its bytes."""
    try:
        return msgspec.json.decode(body.read())
    # RecursionError: nested too deeply.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body.seek(0)
        return hashed(body).label
