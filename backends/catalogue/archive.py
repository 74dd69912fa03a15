"""Takes single files out of wheels and source archives; runs nothing of them."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def member(archive: Path, path: str) -> Iterator[IO[bytes]]:
    """Open the file *path* of *archive*, a zip or a tar; a `!` in it leads into a zip inside.

    Raises KeyError if there is no such file, and what zipfile and tarfile raise.
    """
    if archive.suffix == ".gz":
        with tarfile.open(archive) as tar:
            file = tar.extractfile(path)
            if file is None:
                raise KeyError(path)
            yield file
        return
    outer, _, inner = path.partition("!")
    with zipfile.ZipFile(archive) as wheel:
        if not inner:
            with wheel.open(outer) as file:
                yield file
            return
        with zipfile.ZipFile(io.BytesIO(wheel.read(outer))) as nested, nested.open(inner) as file:
            yield file
