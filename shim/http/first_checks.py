"""The first look at a request: errors that its connection has found, browsers, HEAD."""

from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shim.errors import ApiError, ForbiddenOrigin
from shim.settings import LOOPBACK, ServerSettings

from .error_handlers import with_head
from .refusal import FAILURE, refuse


class Gate:
    """An ASGI application in front of another, which refuses some requests before it sees them."""

    def __init__(self, app: ASGIApp, server: ServerSettings) -> None:
        self._app = app
        # A key protects from web pages: they do not have it.
        self._hosts = None if server.api_keys else _allowed_hosts(server)
        self._origins = None if server.api_keys else frozenset(server.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with an error."""
        if (failure := cast("ApiError | None", scope.get(FAILURE))) is not None:
            await refuse(failure, scope, send, close=True)
            return
        try:
            self._check(scope)
        except ApiError as error:
            await refuse(error, scope, send)
            return
        if scope.get("method") == "HEAD":
            # The server leaves the body of the answer out: it has the scope with HEAD.
            scope = {**scope, "method": "GET"}  # type: ignore[assignment]
        elif scope.get("method") == "OPTIONS":
            send = _naming_head(send)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if self._origins is None:
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"")
        if self._hosts is not None and host and not _is_host(host, self._hosts):
            raise ForbiddenOrigin(
                "A server without a key answers to its own host names only (`allowed_hosts`)."
            )
        origin = headers.get(b"origin")
        if origin is not None and not self._is_origin(_text(origin), _text(host)):
            raise ForbiddenOrigin(
                "A server without a key answers no web page of another site (`cors_origins`)."
            )

    def _is_origin(self, origin: str, host: str) -> bool:
        if self._origins is None or "*" in self._origins or origin in self._origins:
            return True
        return origin.partition("://")[2] == host


def _naming_head(send: Send) -> Send:
    """Return *send*, which adds HEAD to the methods that an answer allows."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, with_head(value.decode()).encode() if name == b"allow" else value)
                for name, value in message["headers"]
            ]
            message = {**message, "headers": headers}
        await send(message)

    return named


def _allowed_hosts(server: ServerSettings) -> frozenset[str] | None:
    """Return the names by which *server* may be called; None if any will do.

    A page of any site can make its own name resolve to 127.0.0.1 and so reach a server on the
    machine of whoever reads it (DNS rebinding); its `Host` is then that name.
    """
    names = {name.lower() for name in server.allowed_hosts}
    if server.host in LOOPBACK:
        return frozenset({*names, *LOOPBACK})
    return frozenset({*names, server.host}) if names else None


def _text(header: bytes) -> str:
    return header.decode("latin-1").lower()


@lru_cache(maxsize=64)  # clients of a server call it by few names
def _is_host(host: bytes, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{_text(host)}").hostname or ""
    except ValueError:
        return False
    # RFC 6761: names below `localhost` are loopback, too.
    return name in names or name.endswith(".localhost")
