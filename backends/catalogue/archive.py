"""Reads single files out of wheels and source archives; runs nothing of them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path


def read_members(archive: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Return the bytes of each of *paths* in *archive*, a zip or a packed tar.

    A `!` in a path leads into a zip inside. Raises KeyError for a path that is not there, and what
    zipfile and tarfile raise.
    """
    wanted = list(paths)
    if archive.suffix == ".gz":
        return _from_tar(archive, wanted)
    with archive.open("rb") as file:
        return _from_zip(file, wanted)


def _from_zip(file: io.IOBase, paths: list[str]) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    nested: dict[str, list[str]] = {}
    with zipfile.ZipFile(file) as archive:
        for path in paths:
            outer, _, inner = path.partition("!")
            if inner:
                nested.setdefault(outer, []).append(inner)
            else:
                content[path] = archive.read(path)
        for outer, inners in nested.items():
            within = _from_zip(io.BytesIO(archive.read(outer)), inners)
            content |= {f"{outer}!{inner}": within[inner] for inner in inners}
    return content


def _from_tar(archive: Path, paths: list[str]) -> dict[str, bytes]:
    """Read the packed stream once: to look for each path alone would unpack it each time."""
    content: dict[str, bytes] = {}
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            if member.name in paths and (file := tar.extractfile(member)):
                content[member.name] = file.read()
    for path in paths:
        content[path]  # a KeyError with its name
    return content
