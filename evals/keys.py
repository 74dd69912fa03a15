"""Reads a key from a file, and checks that an HTTP header can carry it."""

from pathlib import Path

from evals.failures import NoKey


def read(path: Path) -> str:
    """Return the key in the file *path*, without outer white space. Raises NoKey."""
    try:
        key = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise NoKey(f"no key in {path}: {error.strerror}") from error
    except ValueError as error:
        raise NoKey(f"no key in {path}: it is not a text in UTF-8") from error
    if not key:
        raise NoKey(f"no key in {path}: it is empty")
    return checked(key, source=str(path))


def checked(key: str, *, source: str) -> str:
    """Return *key* without outer white space. Raises NoKey for one that no header can carry."""
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise NoKey(f"the key in {source} cannot be sent: it must be one word in ASCII")
    return key
