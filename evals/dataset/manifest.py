"""Manifests: files with a line of JSON for each sample."""

import codecs
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evals.dataset.record import Record
from evals.failures import ManifestError

FORM = (
    "; a manifest is a text in UTF-8 with a line of JSON for each sample, like"
    ' {"audio": "a.wav", "target": "turn on"}'
)
"""The end of a message about a manifest, which describes a right one."""
BINARY_BYTES = 4096
"""Bytes at the beginning of a file in which a NUL means that it is not a text."""


def records(path: Path, content: bytes) -> Iterator[Record]:
    """Yield a record for each line that is not blank. Raises ManifestError for one without JSON."""
    for number, line in _numbered(content):
        place = f"{path}:{number}"
        try:
            fields = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ManifestError(f"{place}: {error}{FORM}") from error
        if not isinstance(fields, dict):
            kind = "array" if isinstance(fields, list) else type(fields).__name__
            raise ManifestError(f"{place}: Expected `object`, got `{kind}`{FORM}")
        yield Record(place=place, id=str(number), fields=fields)


def read(path: Path) -> bytes:
    """Return the bytes of the text file *path*. Raises ManifestError, also for a binary file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(f"{path} is written in UTF-16: save it as UTF-8")
    # A text never holds NUL, and a longer binary file nearly always does.
    if b"\0" in content[:BINARY_BYTES]:
        raise ManifestError(f"{path} is not a text{FORM}")
    return content


def _numbered(content: bytes) -> Iterator[tuple[int, bytes]]:
    # Split as bytes: str.splitlines would also split at U+2028, which JSON allows inside a string.
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())
