"""The ASGI applications between a connection and the Litestar application, in their order."""

from collections.abc import Iterable

from litestar import Litestar
from litestar.types import ASGIApp

from shim.settings import ServerSettings

from .first_checks import FirstChecks
from .lingering_close import LingeringClose
from .model_prefix import ModelPrefix
from .paths import KnownPaths


def wrap(app: Litestar, server: ServerSettings, names: Iterable[str]) -> ASGIApp:
    """Return the ASGI application of one configuration, within `RequestLog`; it ends in *app*.

    *names* are those of the models, aliases and LoRA adapters included. From the outside:

    - `LingeringClose` handles the unread rest of a request's body, also where the others refuse the
      request;
    - `FirstChecks` refuses requests before anything else looks at them;
    - `ModelPrefix` takes a model's name off the path: the rest is a path of its own;
    - `KnownPaths` turns that path into the path of a route of *app*.
    """
    known = KnownPaths(app, (route.path_format for route in app.routes))
    return LingeringClose(FirstChecks(ModelPrefix(known, names), server))
