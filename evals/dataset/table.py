"""Tables: `.csv` and `.tsv` files with a header, read by Python's `csv` module."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evals.dataset.columns import Columns, find, to_fields
from evals.dataset.record import Record
from evals.failures import ManifestError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What divides the fields, by the suffix of the file."""


def is_table(path: Path) -> bool:
    """Return whether *path* is named like a table."""
    return path.suffix.lower() in DELIMITERS


def records(path: Path, content: bytes, columns: Columns) -> Iterator[Record]:
    """Yield a record for each row of *content*.

    Raises ManifestError for a header without the columns, and for a row that does not fit it, with
    the line at which the row ends.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not a text in UTF-8: {error}") from error
    delimiter = DELIMITERS[path.suffix.lower()]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if len(set(header)) < len(header):
            raise ManifestError(f"{path}: two columns have the same name: {', '.join(header)}")
        found = find(header, columns, place=str(path))
        for row in filter(None, rows):
            place = f"{path}:{rows.line_num}"
            if len(row) != len(header):
                message = f"{len(row)} fields, but the header has {len(header)}"
                raise ManifestError(f"{place}: {message}")
            fields = to_fields(dict(zip(header, row, strict=True)), found)
            if "prompt" in fields:
                fields |= _choices(fields, place)
            yield Record(place=place, id=str(rows.line_num), fields=fields)
    except csv.Error as error:
        raise ManifestError(f"{path}:{rows.line_num}: {error}") from error


def _choices(fields: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the choices, which a field holds as a JSON list, and the target: a text or an index.

    Of a target that is both, such as 1 among the choices 1 and 2, the text counts.
    """
    target = fields["target"]
    try:
        choices = msgspec.json.decode(fields["choices"], type=list[str])
    except msgspec.DecodeError as error:
        message = f'the choices are a JSON list like ["a cat", "a dog"]: {error}'
        raise ManifestError(f"{place}: {message}") from error
    is_index = target not in choices and target.isdecimal()
    return {"choices": choices, "target": int(target) if is_index else target}
