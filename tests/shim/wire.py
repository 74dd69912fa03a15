"""Decodes requests as the server does, with all its checks."""

from typing import Any, TypeVar

import msgspec

from shim.http.json_decoding import Rules, decoded
from shim.limits import Limits

S = TypeVar("S", bound=msgspec.Struct)


def read(body: dict[str, Any], kind: type[S], *, strict: bool = False) -> S:
    """Return *body*, encoded as JSON and decoded as *kind*; raise what `decoded` does."""
    return decoded(msgspec.json.encode(body), kind, Rules(limits=Limits(), strict=strict))
