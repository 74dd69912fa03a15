"""Paths of clients whose base URL is set otherwise than to `…/v1`, as the routes have them.

A path is the base URL's path and then the client's own. The base URL's may be empty, `/v1`,
`/openai/v1`, one of these twice, or a whole route, as in `/v1/chat/completions/chat/completions`.
The client's own decides which route is meant.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

_BASES = frozenset({"v1", "openai"})

_MODELS = ("models",)
"""The route whose path may go on with a model's id."""


class KnownPaths:
    """An ASGI application in front of another, which is given its own paths where it has them."""

    def __init__(self, app: ASGIApp, paths: Iterable[str]) -> None:
        """Take the *paths* of the routes of *app*; those with parameters are not looked for."""
        self._app = app
        self._paths = frozenset(path for path in paths if "{" not in path)
        # `/v1/audio/…` and `/audio/…` have the same end: that with `/v1` comes last, and stays.
        self._by_end = {
            tuple(_without_base(_pieces(path))): path for path in sorted(self._paths, key=len)
        }
        self._longest = max(map(len, self._by_end))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, by the path of the route that it means if there is one."""
        path = scope.get("path", "")
        if path not in self._paths and (known := self.known(path)) not in (None, path):
            scope = moved(scope, known)
        await self._app(scope, receive, send)

    def known(self, path: str) -> str | None:
        """Return the path of the route that *path* means, or None."""
        pieces = _pieces(path)
        at, found = 0, None
        while at < len(pieces):
            if pieces[at] in _BASES:
                at, found = at + 1, None
                continue
            end = self._end(pieces[at : at + self._longest])
            if end is None:
                return None
            at, found = at + len(end), self._by_end[end]
            if end == _MODELS:
                return "/".join([found, *pieces[at:]])
        return found

    def _end(self, pieces: Sequence[str]) -> tuple[str, ...] | None:
        """Return the longest end of a route that *pieces* begin with."""
        ends = (tuple(pieces[:size]) for size in range(len(pieces), 0, -1))
        return next((end for end in ends if end in self._by_end), None)


def after_base(path: str, start: str) -> str | None:
    """Return the rest of *path* after *start*; None if more than a base URL's parts precede it."""
    before, found, after = path.partition(start)
    return after if found and not _without_base(_pieces(before)) else None


def base_url(scope: Any) -> str:
    """Return the base URL for OpenAI's clients, with the host as the request of *scope* names it.

    Litestar's own `base_url` raises for an invalid `Host`.
    """
    host, port = scope["server"] or ("", None)
    named = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return f"{scope['scheme']}://{named.decode('latin-1') or f'{host}:{port}'}/v1"


def moved(scope: Scope, path: str) -> Scope:
    """Return *scope* for the same request to another *path*."""
    return {**scope, "path": path, "raw_path": path.encode()}  # type: ignore[return-value]


def _pieces(path: str) -> list[str]:
    return [piece for piece in path.split("/") if piece]


def _without_base(pieces: Sequence[str]) -> Sequence[str]:
    first = next((at for at, piece in enumerate(pieces) if piece not in _BASES), len(pieces))
    return pieces[first:]
