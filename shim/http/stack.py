"""What is around the application, between it and the connection, and in which order."""

from collections.abc import Iterable

from litestar import Litestar
from litestar.types import ASGIApp

from shim.settings import ServerSettings

from .first_checks import Gate
from .lingering_close import Lingering
from .model_prefix import ModelPrefix
from .paths import KnownPaths


def wrap(app: Litestar, server: ServerSettings, names: Iterable[str]) -> ASGIApp:
    """Return *app*, which serves models of these *names*, as a connection calls it.

    From the outside: `Lingering`, because it deals with the body of every request, also of one that
    the others refuse; `Gate`, which refuses before anything else looks at a request; `ModelPrefix`,
    because what follows the name is a path of its own; `KnownPaths`, because routes are found by
    the path that it leaves.
    """
    known = KnownPaths(app, (route.path_format for route in app.routes))
    return Lingering(Gate(ModelPrefix(known, names), server))
