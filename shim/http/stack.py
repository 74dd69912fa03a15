"""The ASGI applications between a connection and the Litestar application, in their order."""

from collections.abc import Callable, Iterable, Sequence

from litestar import Litestar
from litestar.types import ASGIApp

from shim.settings import ServerSettings

from .first_checks import FirstChecks
from .lingering_close import LingeringClose
from .model_prefix import ModelPrefix
from .paths import KnownPaths
from .request_log import OnEnd, RequestLog


def wrap(
    app: Litestar,
    server: ServerSettings,
    names: Iterable[str],
    *,
    on_end: OnEnd,
    layers: Sequence[Callable[[ASGIApp], ASGIApp]] = (),
) -> ASGIApp:
    """Return the ASGI application that the connections call; it ends in *app*.

    *names* are those of the models, aliases and LoRA adapters included. *on_end* is called with the
    record of each request. From the outside:

    - `RequestLog` makes the record, also of requests that the others refuse;
    - *layers* put `Recorder` and `Tracing` here, from the inside, if those are set;
    - `LingeringClose` handles the unread rest of a request's body, also where the others refuse the
      request;
    - `FirstChecks` refuses requests before anything else looks at them;
    - `ModelPrefix` takes a model's name off the path: the rest is a path of its own;
    - `KnownPaths` turns that path into the path of a route of *app*.
    """
    known = KnownPaths(app, (route.path_format for route in app.routes))
    inner: ASGIApp = LingeringClose(FirstChecks(ModelPrefix(known, names), server))
    for layer in layers:
        inner = layer(inner)
    return RequestLog(inner, on_end)
