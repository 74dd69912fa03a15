"""Temporary files for the bodies of requests and answers."""

from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

_IN_MEMORY = 1 << 16
"""Bytes of a body that stay in memory; the rest is in a temporary file."""


def temporary() -> BinaryIO:
    """Return an empty file, which is removed when it is closed."""
    return cast("BinaryIO", SpooledTemporaryFile(max_size=_IN_MEMORY))
