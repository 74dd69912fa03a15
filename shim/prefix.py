"""A model that the URL names: `/m/ID/v1/…` is `/v1/…` of that model, whatever the body names."""

from collections.abc import Iterable

from litestar.types import ASGIApp, Receive, Scope, Send

_PREFIX = "/m/"

IN_SCOPE = "shim.model"
"""Where the name stands in the scope of such a request."""


class ModelPrefix:
    """An ASGI application in front of another; for harnesses that cannot name a model."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        """Take the *names* that URLs may have; they may contain slashes."""
        self._app = app
        # The longest first: one name may be the beginning of another.
        self._names = sorted(names, key=len, reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, without the prefix of a model that is served here."""
        path = scope.get("path", "")
        if path.startswith(_PREFIX):
            for name in self._names:
                prefix = f"{_PREFIX}{name}"
                if path.startswith(f"{prefix}/"):
                    rest = path.removeprefix(prefix)
                    scope = {**scope, "path": rest, "raw_path": rest.encode(), IN_SCOPE: name}  # type: ignore[assignment]
                    break
        await self._app(scope, receive, send)
