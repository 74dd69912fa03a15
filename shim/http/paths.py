"""Corrects the paths of clients whose base URL is not `…/v1`.

A request's path is that of the base URL and then that of the client's call. The first may be empty,
`/v1`, `/openai/v1`, one of these twice, or a whole route, as in
`/v1/chat/completions/chat/completions`. The second decides which route is meant.
"""

from collections.abc import Iterable, Sequence
from itertools import dropwhile
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

_BASES = frozenset({"v1", "openai"})
"""Segments of base URLs."""

_CONTINUED = (("models",), ("files",), ("batches",))
"""The ends of the routes whose path may continue with an id."""


class KnownPaths:
    """An ASGI application around another that replaces a path with a wrong base by the route's."""

    def __init__(self, app: ASGIApp, paths: Iterable[str]) -> None:
        """*paths* are those of the routes of *app*; those with parameters are not used."""
        self._app = app
        self._paths = frozenset(path for path in paths if "{" not in path)
        # `/v1/audio/…` and `/audio/…` have the same end: the longer one comes last, and is kept.
        self._by_end = {
            tuple(_without_base(_segments(path))): path for path in sorted(self._paths, key=len)
        }
        self._longest = max(map(len, self._by_end))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, under the path of the route that it means, if there is one."""
        path = scope.get("path", "")
        if path not in self._paths and (known := self.known(path)) not in (None, path):
            scope = with_path(scope, known)
        await self._app(scope, receive, send)

    def known(self, path: str) -> str | None:
        """Return the path of the route that *path* means, or None."""
        segments = _segments(path)
        index, route = 0, None
        while index < len(segments):
            if segments[index] in _BASES:
                index, route = index + 1, None
                continue
            end = self._end(segments[index : index + self._longest])
            if end is None:
                return None
            index, route = index + len(end), self._by_end[end]
            if end in _CONTINUED:
                return "/".join([route, *segments[index:]])
        return route

    def _end(self, segments: Sequence[str]) -> tuple[str, ...] | None:
        """Return the longest end of a route that *segments* begin with."""
        ends = (tuple(segments[:size]) for size in range(len(segments), 0, -1))
        return next((end for end in ends if end in self._by_end), None)


def after_base(path: str, start: str) -> str | None:
    """Return the rest of *path* after *start*.

    Returns None if *start* is missing, or if anything but segments of a base URL precedes it.
    """
    before, separator, after = path.partition(start)
    return after if separator and not _without_base(_segments(before)) else None


def base_url(scope: Any) -> str:
    """Return the base URL for OpenAI's clients, with the host name in the request of *scope*.

    Litestar's own `base_url` raises for an invalid `Host`.
    """
    host, port = scope["server"] or ("", None)
    header = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return f"{scope['scheme']}://{header.decode('latin-1') or f'{host}:{port}'}/v1"


def with_path(scope: Scope, path: str) -> Scope:
    """Return a copy of *scope* with another *path*."""
    return {**scope, "path": path, "raw_path": path.encode()}  # type: ignore[return-value]


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _without_base(segments: Sequence[str]) -> Sequence[str]:
    return list(dropwhile(_BASES.__contains__, segments))
