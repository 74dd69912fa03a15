"""Who may ask: keys, compared as digests in constant time."""

import hashlib
import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from shim.errors import InvalidKey
from shim.settings import ServerSettings

PUBLIC = "public"
"""The `opt` by which a route says that it needs no key."""

TOKENIZER = "tokenizer"
"""The `opt` of routes that count tokens: harnesses send no key there."""

AZURE = "api-key"
"""The header in which clients of Azure's send the key."""

_DIGEST = "sha256:"


def free(server: ServerSettings) -> frozenset[str]:
    """Return the `opt`s whose routes need no key on *server*."""
    return frozenset({PUBLIC} if server.tokenizer_needs_key else {PUBLIC, TOKENIZER})


class Keys:
    """The configured keys, of which only digests are kept."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """Take *keys* as configured, plain or hashed."""
        self._digests = [
            bytes.fromhex(key.removeprefix(_DIGEST)) if key.startswith(_DIGEST) else _digest(key)
            for key in keys
        ]

    def check(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Raise InvalidKey unless the request brings one of the keys, or there are none."""
        if not self._digests:
            return
        sent = _sent(connection)
        if not sent:
            raise InvalidKey("You didn't provide an API key: send `Authorization: Bearer KEY`.")
        if not sum(map(self._knows, sent)):
            raise InvalidKey("Incorrect API key provided.")

    def allow(self, connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
        """Return whether the request brings one of the keys, or there are none."""
        try:
            self.check(connection)
        except InvalidKey:
            return False
        return True

    def _knows(self, key: str) -> bool:
        """Compare with every digest, so that the time tells nothing of which one matched."""
        sent = _digest(key)
        return sum(hmac.compare_digest(sent, digest) for digest in self._digests) > 0


def _sent(connection: ASGIConnection[Any, Any, Any, Any]) -> list[str]:
    """Return the keys that the request brings: as OpenAI's clients send them, and Azure's."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    keys = (bearer if scheme.lower() == "bearer" else "", connection.headers.get(AZURE, ""))
    return [key.strip() for key in keys if key.strip()]


class KeyGuard:
    """A Litestar guard: runs before the body is read."""

    def __init__(self, keys: Keys, *, free: frozenset[str]) -> None:
        """Take the *keys*; routes with an `opt` that is *free* need none."""
        self._keys = keys
        self._free = free

    # Asynchronous though it awaits nothing: Litestar would send it to a thread.
    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Let the request pass, or raise InvalidKey."""
        # Browsers send no key with a preflight request. Its answer holds only a route's methods.
        if connection.scope.get("method") == "OPTIONS":
            return
        if not any(handler.opt.get(name) for name in self._free):
            self._keys.check(connection)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
