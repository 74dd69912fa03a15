"""Checks API keys: their digests are compared in constant time."""

import hashlib
import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from shim.errors import InvalidKey
from shim.settings import ServerSettings

PUBLIC = "public"
"""The `opt` of routes that never need a key."""

TOKENIZER = "tokenizer"
"""The `opt` of routes that count tokens: evaluation harnesses send no key there."""

AZURE = "api-key"
"""The header in which Azure's clients send the key."""

_DIGEST = "sha256:"


def free(server: ServerSettings) -> frozenset[str]:
    """Return the `opt`s whose routes need no key on *server*."""
    return frozenset({PUBLIC} if server.tokenizer_needs_key else {PUBLIC, TOKENIZER})


class Keys:
    """The configured keys; only their SHA-256 digests are kept."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """*keys* are plain, or `sha256:` and a hex digest, as in the settings."""
        self._digests = [
            bytes.fromhex(key.removeprefix(_DIGEST)) if key.startswith(_DIGEST) else _digest(key)
            for key in keys
        ]

    def check(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Raise InvalidKey if keys are configured and the request sends none of them."""
        if not self._digests:
            return
        sent = _sent(connection)
        if not sent:
            raise InvalidKey("You didn't provide an API key: send `Authorization: Bearer KEY`.")
        if not sum(map(self._knows, sent)):
            raise InvalidKey("Incorrect API key provided.")

    def allow(self, connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
        """Return whether the request sends one of the keys, or no keys are configured."""
        try:
            self.check(connection)
        except InvalidKey:
            return False
        return True

    def _knows(self, key: str) -> bool:
        """Compare with every digest, so that the time does not depend on which one matches."""
        sent = _digest(key)
        return sum(hmac.compare_digest(sent, digest) for digest in self._digests) > 0


def _sent(connection: ASGIConnection[Any, Any, Any, Any]) -> list[str]:
    """Return the keys in the request's headers, as OpenAI's and as Azure's clients send them."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    keys = (bearer if scheme.lower() == "bearer" else "", connection.headers.get(AZURE, ""))
    return [key.strip() for key in keys if key.strip()]


class KeyGuard:
    """A Litestar guard that checks the key before the body is read."""

    def __init__(self, keys: Keys, *, free: frozenset[str]) -> None:
        """Check for one of *keys*, except on routes with one of the `opt`s *free*."""
        self._keys = keys
        self._free = free

    # Asynchronous although it awaits nothing: Litestar would run it in a thread.
    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Raise InvalidKey if the request needs a key and does not have one."""
        # Browsers send no key with a preflight request. Its answer lists only a route's methods.
        if connection.scope.get("method") == "OPTIONS":
            return
        if not any(handler.opt.get(name) for name in self._free):
            self._keys.check(connection)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
