"""Keeps the manifests of answers: how each was made, under a short hash."""

import hashlib
from collections import OrderedDict

import msgspec

from backends.base import Manifest
from shim import __version__
from shim.errors import UnknownManifest

_KEPT_BYTES = 16 << 20
"""Most bytes of manifests that are kept for one model: enough for thousands of different ones."""

_DIGITS = 12
"""Hexadecimal digits of a hash: 48 bits, enough for all the manifests that one laboratory makes."""


class Manifests:
    """The manifests of one model's answers, by hash.

    Above 16 MiB those are dropped that have gone longest without a new answer.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def keep(self, manifest: Manifest) -> str:
        """Store *manifest* with this program's version; return its hash, 12 hexadecimal digits.

        With the same version, equal manifests have the same hash on every machine.
        """
        encoded = msgspec.json.encode({"shim": __version__, **manifest}, order="deterministic")
        short = hashlib.sha256(encoded).hexdigest()[:_DIGITS]
        if short not in self._kept:
            self._kept[short] = encoded
            self._size += len(encoded)
        self._kept.move_to_end(short)
        while self._size > _KEPT_BYTES and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1])
        return short

    def find(self, short: str) -> Manifest:
        """Return the manifest with the hash *short*, and that hash in it as `hash`.

        Raises UnknownManifest if it was never stored or has been dropped.
        """
        if short not in self._kept:
            raise UnknownManifest(f"No answer that is remembered here has the manifest {short!r}.")
        return {"hash": short, **msgspec.json.decode(self._kept[short])}
