"""A model that the URL names: `/m/ID/v1/…` is `/v1/…` of that model, whatever the body names.

So is Azure's `/openai/deployments/ID/…`, and OpenAI's older `/v1/engines/ID/…`.
"""

from collections.abc import Iterable

from litestar.types import ASGIApp, Receive, Scope, Send

from .paths import after_base, moved

_OURS = "/m/"
_OTHERS = ("/deployments/", "/engines/")

IN_SCOPE = "shim.model"
"""The key of the model's name in the scope of such a request."""


class ModelPrefix:
    """An ASGI application in front of another; for harnesses that cannot name a model."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        """Take the *names* that URLs may have; they may contain slashes."""
        self._app = app
        # The longest first: one name may be the beginning of another.
        self._names = sorted(names, key=len, reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, without the prefix that names a model."""
        if (found := self._split(scope.get("path", ""))) is not None:
            name, path = found
            scope = {**moved(scope, path), IN_SCOPE: name}  # type: ignore[assignment]
        await self._app(scope, receive, send)

    def _split(self, path: str) -> tuple[str, str] | None:
        """Return the name of a model and the path behind it; None if *path* names no model."""
        if path.startswith(_OURS):
            return self._served(path.removeprefix(_OURS))
        for prefix in _OTHERS:
            if rest := after_base(path, prefix):
                name, slash, end = rest.partition("/")
                # An unknown deployment is an unknown model, not an unknown URL.
                return self._served(rest) or ((name, f"/{end}") if slash else None)
        return None

    def _served(self, rest: str) -> tuple[str, str] | None:
        name = next((name for name in self._names if rest.startswith(f"{name}/")), None)
        return None if name is None else (name, rest.removeprefix(name))
