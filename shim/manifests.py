"""How answers were made: a short hash with each, and what it stands for."""

import hashlib
from collections import OrderedDict

import msgspec

from backends.base import Manifest

from . import __version__
from .errors import UnknownManifest

_KEPT = 1024
"""Manifests of one model that are remembered; one for each set of options that was asked for."""

_DIGITS = 12
"""Of the hash: 48 bits, enough to tell apart all that one laboratory ever runs."""


class Manifests:
    """The manifests of one model's answers, by hash; the least recently used are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Manifest] = OrderedDict()

    def keep(self, manifest: Manifest) -> str:
        """Remember *manifest* with this program's version; return its hash.

        The same manifest has the same hash, on any machine and at any time.
        """
        whole = {"shim": __version__, **manifest}
        made_of = msgspec.json.encode(whole, order="deterministic")
        short = hashlib.sha256(made_of).hexdigest()[:_DIGITS]
        self._kept[short] = whole
        self._kept.move_to_end(short)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return short

    def find(self, short: str) -> Manifest:
        """Return the manifest of that hash, the hash with it; raise UnknownManifest."""
        if short not in self._kept:
            raise UnknownManifest(f"No answer that is remembered here has the manifest {short!r}.")
        return {"hash": short, **self._kept[short]}
