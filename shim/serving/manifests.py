"""How answers were made: a short hash with each, and what it stands for."""

import hashlib
from collections import OrderedDict

import msgspec

from backends.base import Manifest
from shim import __version__
from shim.errors import UnknownManifest

_KEPT_BYTES = 16 << 20
"""Of one model's manifests, one for each set of options that was asked for: thousands of them."""

_DIGITS = 12
"""Of the hash: 48 bits, enough to tell apart all that one laboratory ever runs."""


class Manifests:
    """The manifests of one model's answers, by hash; the least recently used are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def keep(self, manifest: Manifest) -> str:
        """Remember *manifest* with this program's version; return its hash.

        The same manifest has the same hash, on any machine and at any time.
        """
        whole = msgspec.json.encode({"shim": __version__, **manifest}, order="deterministic")
        short = hashlib.sha256(whole).hexdigest()[:_DIGITS]
        if short not in self._kept:
            self._kept[short] = whole
            self._size += len(whole)
        self._kept.move_to_end(short)
        while self._size > _KEPT_BYTES and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1])
        return short

    def find(self, short: str) -> Manifest:
        """Return the manifest of that hash, the hash with it; raise UnknownManifest."""
        if short not in self._kept:
            raise UnknownManifest(f"No answer that is remembered here has the manifest {short!r}.")
        return {"hash": short, **msgspec.json.decode(self._kept[short])}
