"""What can be pulled, as `catalogue.toml` lists it."""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

Form = Literal["ct2-float32", "ct2-int8", "hf"]
"""A form that weights are converted to: of CTranslate2 with float32 or int8 weights, or a Hugging
Face directory with float32 weights."""

Kind = Literal["speech", "chat", "embedding", "recordings"]


class HubRepository(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A repository of the model hub, at one commit."""

    repository: str
    revision: str


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a package index: a wheel, or a source archive."""

    name: str
    version: str
    file: str
    bytes: int
    sha256: str


class PinnedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of an entry, with the parts of packages that hold it, PACKAGE:PATH.

    The parts are joined in their order. A `!` in a path leads into a zip inside of the package.
    """

    path: str
    bytes: int
    sha256: str
    """The hex digest of *bytes* bytes."""
    members: tuple[str, ...]
    raw: bool = False
    """Whether the bytes are samples without a header: 16 bits, mono, 16 kHz. A WAV header is put
    before them."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model, or a set of recordings."""

    name: str
    kind: Kind
    summary: str
    licence: str
    packages: tuple[Package, ...]
    files: tuple[PinnedFile, ...]
    hub: HubRepository | None = None
    """Where the same files are on the model hub; None: only the packages have these bytes."""
    forms: tuple[Form, ...] = ()
    """The forms that the first file is converted to."""

    @property
    def package_bytes(self) -> int:
        """Bytes of all packages, which are more than those of the files in them."""
        return sum(package.bytes for package in self.packages)

    @property
    def card(self) -> str:
        """The model card, in Markdown."""
        return (_HERE / "cards" / f"{self.name}.md").read_text()


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All entries, and the names of groups of them."""

    groups: dict[str, tuple[str, ...]]
    entries: tuple[Entry, ...]


class UnknownName(ValueError):
    """A name that is not in the catalogue; the message lists those that are."""


_HERE = Path(__file__).parent


@cache
def catalogue() -> Catalogue:
    """Return what `catalogue.toml` lists."""
    return msgspec.toml.decode((_HERE / "catalogue.toml").read_bytes(), type=Catalogue)


def selected(names: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return the entries of *names*, each the name of an entry or of a group, without repetition.

    Raises UnknownName.
    """
    groups = catalogue().groups
    entries = {entry.name: entry for entry in catalogue().entries}
    chosen: dict[str, Entry] = {}
    for name in names:
        if name not in groups and name not in entries:
            known = ", ".join((*groups, *entries))
            raise UnknownName(f"{name!r} cannot be pulled; what can be is {known}")
        chosen |= {each: entries[each] for each in groups.get(name, (name,))}
    return tuple(chosen.values())
