"""Writes files, each whole or not at all. Every function that writes raises CannotWrite."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from evals.failures import CannotWrite


def encoded(value: msgspec.Struct) -> bytes:
    """Return *value* as JSON; U+FFFD replaces each half of a surrogate pair.

    UTF-8 cannot hold such a half. An answer may contain one, and so may the name of a file.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        return text.encode(errors="surrogatepass").decode(errors="replace").encode()


def write(path: Path, content: bytes) -> None:
    """Replace the file *path* by one with *content*, or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    with writing(path):
        draft.write_bytes(content)
        os.replace(draft, path)  # noqa: PTH105 - Path.replace is the same call with a worse name


def write_json(path: Path, value: msgspec.Struct) -> None:
    """Replace the file *path* by one with *value* as JSON, indented, for readers too."""
    write(path, msgspec.json.format(encoded(value)) + b"\n")


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of the file *path*, none if it is missing.

    Half a line at its end, which a kill may leave, is cut off in the file too.
    """
    with writing(path):
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
    return content[:whole].split(b"\n")[:-1]


def discard(path: Path) -> None:
    """Remove the file *path* if there is one."""
    with writing(path):
        path.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise CannotWrite, which names *path*, for an OSError in the block."""
    try:
        yield
    except OSError as error:
        raise CannotWrite.to(path, error) from error
