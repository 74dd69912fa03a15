"""First checks of a request: errors of its connection, web pages of other sites, HEAD."""

from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shim.errors import ApiError, ForbiddenOrigin
from shim.settings import LOOPBACK, ServerSettings

from .error_handlers import with_head
from .refusal import CONNECTION_ERROR, refuse


class FirstChecks:
    """An ASGI application around another that refuses some requests before the inner one runs."""

    def __init__(self, app: ASGIApp, server: ServerSettings) -> None:
        self._app = app
        # A key protects from web pages of other sites: they do not have it.
        self._hosts = None if server.needs_key else _allowed_hosts(server)
        self._origins = None if server.needs_key else frozenset(server.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: by the application, or with an error."""
        connection_error = cast("ApiError | None", scope.get(CONNECTION_ERROR))
        if connection_error is not None:
            await refuse(connection_error, send, close=True)
            return
        try:
            self._check(scope)
        except ApiError as error:
            await refuse(error, send)
            return
        if scope.get("method") == "HEAD":
            # The server sends no body: its own scope still has HEAD.
            scope = {**scope, "method": "GET"}  # type: ignore[assignment]
        elif scope.get("method") == "OPTIONS":
            send = _allowing_head(send)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if self._origins is None:
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"")
        if self._hosts is not None and host and not _is_host(host, self._hosts):
            raise ForbiddenOrigin(
                "This server has no key, so it only answers to its own host names: see "
                "`allowed_hosts`."
            )
        origin = headers.get(b"origin")
        if origin is not None and not self._is_origin(_text(origin), _text(host)):
            raise ForbiddenOrigin(
                "This server has no key, so it does not answer web pages of other sites: see "
                "`cors_origins`."
            )

    def _is_origin(self, origin: str, host: str) -> bool:
        if self._origins is None or "*" in self._origins or origin in self._origins:
            return True
        return origin.partition("://")[2] == host


def _allowing_head(send: Send) -> Send:
    """Return a function that adds HEAD to the `Allow` header of an answer, then calls *send*."""

    async def allowing(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, with_head(value.decode()).encode() if name == b"allow" else value)
                for name, value in message["headers"]
            ]
            message = {**message, "headers": headers}
        await send(message)

    return allowing


def _allowed_hosts(server: ServerSettings) -> frozenset[str] | None:
    """Return the host names that requests to *server* may have; None if any is allowed.

    A web page can make its own host name resolve to 127.0.0.1, and so reach a server on the machine
    of its reader (DNS rebinding). The request's `Host` is then the name of the page's site.
    """
    names = {name.lower() for name in server.allowed_hosts}
    if server.host in LOOPBACK:
        return frozenset({*names, *LOOPBACK})
    return frozenset({*names, server.host}) if names else None


def _text(header: bytes) -> str:
    return header.decode("latin-1").lower()


@lru_cache(maxsize=64)  # the clients of one server use few names
def _is_host(host: bytes, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{_text(host)}").hostname or ""
    except ValueError:
        return False
    # Names below `localhost` are loopback too (RFC 6761).
    return name in names or name.endswith(".localhost")
