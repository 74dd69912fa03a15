"""Loads the names that others document; `python -m tools.parameters` collects them in a file."""

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = Path(__file__).with_name("documented.json")
"""The file with the documented names."""


class Name(Struct, frozen=True, omit_defaults=True):
    """One documented name."""

    by: list[str]
    """The packages and servers that document it."""
    defaults: list[object] = []
    """The documented defaults other than null. Sending one is the same as leaving the name out."""


class Documented(Struct, frozen=True):
    """The content of the file."""

    versions: dict[str, list[str]]
    """The versions of each package that was read."""
    places: dict[str, dict[str, Name]]
    """The names in each place, by the Struct that decodes it (`chat.ChatRequest`)."""


@cache
def documented() -> Documented:
    """Return the content of the file."""
    return msgspec.json.decode(FILE.read_bytes(), type=Documented)


def place_of(kind: type[Struct]) -> str:
    """Return the key of *kind* in the file: the folder of its module, a dot and its name."""
    return f"{kind.__module__.split('.')[-2]}.{kind.__name__}"
