"""The columns of a table that are read, found by their names."""

from collections.abc import Collection
from typing import Any

import msgspec

from evals.failures import ManifestError

AUDIO = ("audio", "file", "path", "filename", "file_name")
TEXT = ("text", "transcript", "transcription", "sentence", "target", "reference")
QUESTION = ("question", "prompt")
ANSWER = ("answer", "target")
EXPECTED = (
    f"expected one of {', '.join(AUDIO)} for clips and one of {', '.join(TEXT)} for what is said;"
    f" or {' or '.join(QUESTION)} and {' or '.join(ANSWER)}; or others by --audio-column and"
    " --text-column"
)
"""The end of a message about columns that are missing."""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The names of columns that the user has given; None: found by the usual names.

    *audio* has the clips, *text* the targets, of clips or of questions.
    """

    audio: str | None = None
    text: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a table: *content* has clips if *is_audio* is true, else questions."""

    is_audio: bool
    content: str
    target: str


def find(header: Collection[str], columns: Columns, *, place: str) -> Found:
    """Return the columns to be read. Raises ManifestError, with *place*, if they are missing.

    Of several usual names the first counts, in the order of the tuples above. A table that has
    clips and their texts is one of clips, also if it has questions.
    """
    for name in (columns.audio, columns.text):
        if name is not None and name not in header:
            raise ManifestError(f"{place}: no column {name!r} among {', '.join(header)}")
    clips = columns.audio or _first(header, AUDIO)
    text = columns.text or _first(header, TEXT)
    if clips and text:
        return Found(is_audio=True, content=clips, target=text)
    question, answer = _first(header, QUESTION), columns.text or _first(header, ANSWER)
    if columns.audio is None and question and answer:
        return Found(is_audio=False, content=question, target=answer)
    raise ManifestError(f"{place}: the columns are {', '.join(header) or 'missing'}; {EXPECTED}")


def _first(header: Collection[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in header), None)


def to_fields(row: dict[str, Any], found: Found) -> dict[str, Any]:
    """Return *row* with the keys of a manifest's line; an empty `id` or `language` is left out."""
    content, target = row[found.content], row[found.target]
    fields = {key: value for key, value in row.items() if key not in {found.content, found.target}}
    for name in ("id", "language"):
        if fields.get(name) in {None, ""}:
            fields.pop(name, None)
    fields["target"] = target
    if found.is_audio:
        return fields | {"audio": content}
    if fields.get("choices"):
        return fields | {"prompt": content}
    return fields | {"messages": [{"role": "user", "content": content}]}
