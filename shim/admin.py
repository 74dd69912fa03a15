"""The admin port: a second server on loopback, with a key of its own."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from litestar import Litestar, post
from litestar.di import NamedDependency, Provide

from backends.registry import ModelNotOpened
from shim.errors import NotReloaded
from shim.http.auth import KeyGuard, Keys
from shim.http.connections import Connections
from shim.http.error_handlers import HANDLERS
from shim.http.lingering_close import LingeringClose
from shim.http.request_log import OnEnd, RequestLog, note_error, note_route
from shim.http.uvicorn_config import configured

from .limits import Limits
from .reloading import Reloaded
from .settings import ServerSettings, SettingsError

_LIMITS = Limits(connections=16, body_bytes=1024)

Reload = Callable[[], Awaitable[Reloaded]]


@post("/admin/reload", status_code=200)
async def reload_route(reload: NamedDependency[Reload]) -> Reloaded:
    """Read the configuration again; answer once new requests use it.

    Raises NotReloaded, with the reason, if nothing has changed because it cannot be served.
    """
    try:
        return await reload()
    except (SettingsError, ModelNotOpened) as error:
        raise NotReloaded(str(error)) from error


@asynccontextmanager
async def serving(
    address: socket.socket, key: str, reload: Reload, on_end: OnEnd
) -> AsyncGenerator[None, None]:
    """Serve the admin port on the bound *address*, to clients with *key*, during the block.

    *on_end* is called with the record of each request.
    """
    app = Litestar(
        [reload_route],
        guards=[note_route, KeyGuard(Keys(ServerSettings(api_keys=(key,))), free=frozenset())],
        dependencies={"reload": Provide(lambda: reload, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        after_exception=[note_error],
        logging_config=None,
        openapi_config=None,
    )
    connections = Connections(_LIMITS, on_end)
    config = configured(RequestLog(LingeringClose(app), on_end), connections)
    server = _Server(config)
    running = asyncio.create_task(server.serve([address]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


class _Server(uvicorn.Server):
    """uvicorn's server without signal handlers: the main server has them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield
