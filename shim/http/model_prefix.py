"""Takes the model from the URL: `/m/ID/v1/…` is `/v1/…` for that model, not for the body's.

Azure's `/openai/deployments/ID/…` and OpenAI's older `/v1/engines/ID/…` mean the same.
"""

from collections.abc import Iterable

from litestar.types import ASGIApp, Receive, Scope, Send

from .paths import after_base, with_path

_OURS = "/m/"
"""The prefix of Shim's own URLs that name a model."""

_OTHERS = ("/deployments/", "/engines/")
"""What precedes the model in Azure's and OpenAI's URLs, after a base URL."""

IN_SCOPE = "shim.model"
"""The key of the model's name in the scope of such a request."""


class ModelPrefix:
    """An ASGI application around another, for harnesses that cannot name a model."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        """*names* are those of all models; they may contain slashes."""
        self._app = app
        # The longest first: one name may be the beginning of another.
        self._names = sorted(names, key=len, reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, without the prefix that names a model."""
        if (parts := self._split(scope.get("path", ""))) is not None:
            name, path = parts
            scope = {**with_path(scope, path), IN_SCOPE: name}  # type: ignore[assignment]
        await self._app(scope, receive, send)

    def _split(self, path: str) -> tuple[str, str] | None:
        """Return the model's name and the path after it; None if *path* does not name a model."""
        if path.startswith(_OURS):
            named = path.removeprefix(_OURS)
            return self._served(named) or _unserved(named)
        for prefix in _OTHERS:
            if rest := after_base(path, prefix):
                return self._served(rest) or _unserved(rest)
        return None

    def _served(self, rest: str) -> tuple[str, str] | None:
        name = next((name for name in self._names if rest.startswith(f"{name}/")), None)
        return None if name is None else (name, rest.removeprefix(name))


def _unserved(rest: str) -> tuple[str, str] | None:
    """Return the unknown name in *rest*, and the path after it; None if there is no path.

    An unknown name is an unknown model, not a wrong URL, as one is that the key may not use.
    """
    name, base, path = rest.partition("/v1/")
    if base:
        return name, f"/v1/{path}"
    name, slash, path = rest.partition("/")
    return (name, f"/{path}") if slash else None
