"""What is around the application, between it and the connection, and in which order."""

from collections.abc import Iterable

from litestar.types import ASGIApp

from shim.api.openapi.operations import OPERATIONS
from shim.settings import ServerSettings

from .first_checks import FirstChecks
from .lingering_close import LingeringClose
from .model_prefix import ModelPrefix
from .paths import KnownPaths


def wrap(app: ASGIApp, server: ServerSettings, names: Iterable[str]) -> ASGIApp:
    """Return *app*, which serves models of these *names*, as a connection calls it.

    From the outside: `LingeringClose`, because it deals with the body of every request, also of one
    that the others refuse; `FirstChecks`, which refuses before anything else looks at a request;
    `ModelPrefix`, because what follows the name is a path of its own; `KnownPaths`, because routes
    are found by the path that it leaves.
    """
    known = KnownPaths(app, (operation.path for operation in OPERATIONS))
    return LingeringClose(FirstChecks(ModelPrefix(known, names), server))
