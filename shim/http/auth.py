"""Finds whose key a request sends: keys are compared by their digests, in constant time."""

import hashlib
import hmac
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope
from msgspec import Struct

from shim.errors import InvalidKey
from shim.key_settings import Rates, digest
from shim.serving.request_record import CURRENT
from shim.settings import ServerSettings

from .batch_line import batch_line
from .rate_limiter import RateLimiter
from .rate_limits import begin

PUBLIC = "public"
"""The `opt` of routes that never need a key."""

TOKENIZER = "tokenizer"
"""The `opt` of routes that count tokens: evaluation harnesses send no key there."""

AZURE = "api-key"
"""The header in which Azure's clients send the key."""

_CLIENT = "shim.client"
"""The key of a request's Client in its scope."""


class Client(Struct, frozen=True, kw_only=True):
    """Who sends a request: the holder of a key, or, on a server without keys, anyone."""

    name: str | None = None
    """The configured name of the key; None if it has none."""
    digest: bytes = b""
    """SHA-256 of the key; empty on a server without keys."""
    models: frozenset[str] | None = None
    """Names of the models that the key may use; None: all models."""
    limits: Rates = {}
    """The rate limits of the key."""


def free(server: ServerSettings) -> frozenset[str]:
    """Return the `opt`s whose routes need no key on *server*."""
    return frozenset({PUBLIC} if server.tokenizer_needs_key else {PUBLIC, TOKENIZER})


def client_of(scope: Scope) -> Client | None:
    """Return who sends the request of *scope*; None if it sends no valid key and needs none."""
    return cast("Client | None", scope.get(_CLIENT))


def owner_of(scope: Scope) -> str:
    """Return the hexadecimal digest of the key that the request of *scope* was sent with.

    It is empty on a server without keys: all clients there are one.
    """
    client = client_of(scope)
    return "" if client is None else client.digest.hex()


class Keys:
    """The keys of a server, each with its Client."""

    def __init__(self, server: ServerSettings) -> None:
        """Take the keys of *server*, which has only their digests."""
        limits = server.rate_limits
        unnamed = [Client(digest=digest(key), limits=limits.by_unit) for key in server.api_keys]
        named = [
            Client(
                name=key.name,
                digest=digest(key.key),
                models=None if key.models is None else frozenset(key.models),
                limits=key.over(limits).by_unit,
            )
            for key in server.keys
        ]
        self._clients = (*unnamed, *named)
        self._anyone = None if self._clients else Client(limits=limits.by_unit)

    @property
    def are_limited(self) -> bool:
        """Whether any key has a rate limit."""
        return any(client.limits for client in (*self._clients, self._anyone) if client)

    def client(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Client:
        """Return who sends the request.

        Of a line of a batch it is the client that made the batch. Raises InvalidKey if keys are
        configured and the request sends none of them, or the batch was made with none of them.
        """
        if self._anyone is not None:
            return self._anyone
        if (line := batch_line(connection.scope)) is not None:
            return self._with_digest(line.owner)
        sent = _sent(connection)
        if not sent:
            raise InvalidKey("You didn't provide an API key: send `Authorization: Bearer KEY`.")
        found = [client for key in sent for client in self._with_key(key)]
        if not found:
            raise InvalidKey("Incorrect API key provided.")
        return found[0]

    def _with_digest(self, digest: bytes) -> Client:
        for client in self._clients:
            if client.digest == digest:
                return client
        raise InvalidKey("The API key that made this batch is no longer valid.")

    def _with_key(self, key: str) -> list[Client]:
        """Compare with every digest, so that the time does not depend on which one matches."""
        # Not `hashed`: a client that sends a digest does not have the key.
        sent = hashlib.sha256(key.encode()).digest()
        return [client for client in self._clients if hmac.compare_digest(sent, client.digest)]


def _sent(connection: ASGIConnection[Any, Any, Any, Any]) -> list[str]:
    """Return the keys in the request's headers, as OpenAI's and as Azure's clients send them."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    keys = (bearer if scheme.lower() == "bearer" else "", connection.headers.get(AZURE, ""))
    return [key.strip() for key in keys if key.strip()]


class KeyGuard:
    """A Litestar guard that checks the key, and its rate limits, before the body is read."""

    def __init__(
        self, keys: Keys, *, free: frozenset[str], limiter: RateLimiter | None = None
    ) -> None:
        """Check for one of *keys*, except on routes with one of the `opt`s *free*.

        *limiter* has what the keys have used before; None: nothing.
        """
        self._keys = keys
        self._limiter = limiter or RateLimiter()
        self._free = free

    # Asynchronous although it awaits nothing: Litestar would run it in a thread.
    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Note in the scope who sends the request, and charge a POST for what needs a key.

        Lines of batches are not charged. Raises InvalidKey if the request needs a key and does not
        have one, RateLimited if the key is used up.
        """
        scope = connection.scope
        # Browsers send no key with a preflight request. Its answer lists only a route's methods.
        if scope.get("method") == "OPTIONS":
            return
        is_free = any(handler.opt.get(name) for name in self._free)
        try:
            client = self._keys.client(connection)
        except InvalidKey:
            if is_free:
                return
            raise
        scope[_CLIENT] = client  # type: ignore[literal-required]
        if (record := CURRENT.get()) is not None:
            record.key = client.name
        if not client.limits or is_free or batch_line(scope) is not None:
            return
        if scope.get("method") == "POST":
            begin(scope, self._limiter, client.digest, client.limits)
