"""The names that others document, which `python -m tools.parameters` collects in a JSON file."""

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = Path(__file__).with_name("documented.json")


class Name(Struct, frozen=True, omit_defaults=True):
    """One documented name."""

    by: list[str]
    """Who documents it: packages and servers."""
    defaults: list[object] = []
    """The documented defaults, other than null: they ask for nothing."""


class Documented(Struct, frozen=True):
    """The whole file."""

    versions: dict[str, list[str]]
    """Of the packages that were read."""
    places: dict[str, dict[str, Name]]
    """By the Struct that reads them (`chat.ChatRequest`), the names."""


@cache
def documented() -> Documented:
    """Return the file's content."""
    return msgspec.json.decode(FILE.read_bytes(), type=Documented)


def place_of(kind: type[Struct]) -> str:
    """Return the key of *kind* in the file: the folder of its module, and its name."""
    return f"{kind.__module__.split('.')[-2]}.{kind.__name__}"
