"""The process: an event loop, the models, uvicorn on a socket; ended by a signal."""

import asyncio
import gc
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
import uvloop
from litestar import Litestar
from msgspec.structs import replace

from backends.config import names
from shim.http.connection import Connection
from shim.http.connections import Connections
from shim.http.stack import wrap
from shim.serving.models import Models

from .app import create_app
from .limits import Limits
from .settings import Settings

log = logging.getLogger(__name__)

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - as bound, to where it is reached
_GLANCE = 0.05
_LAST_ANSWERS = 2.0
"""Seconds in which the last answers are sent when the grace has ended."""

_OTHER_DESCRIPTORS = 1024
"""File descriptors for all but connections: refused ones, spooled uploads, engines."""

_STOPPING = (signal.SIGTERM, signal.SIGINT)

GC_THRESHOLDS = (10_000, 20, 20)
"""Of the garbage collector. With hundreds of requests in flight most of what is new is in use:
Python's own (700, 10, 10) have it searched so often that an eighth of the CPU goes there."""


class Server(uvicorn.Server):
    """uvicorn, with a start that is announced and an end in order."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        models: Callable[[], Models],
        on_listening: Callable[[Models], None],
        grace: float,
    ) -> None:
        """Take what returns the models once they are open; *grace* is in seconds."""
        super().__init__(config)
        self._models = models
        self._on_listening = on_listening
        self._grace = grace

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_listening(self._models())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: running requests may end within the grace, all others get a 503 at once.

        What then still runs gets a 503 too, or an error event if its answer has begun. A client
        that does not read it is disconnected.
        """
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        self._models().drain()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._all_ended(self._grace):
            log.warning("requests still run after %g s: they are ended", self._grace)
            self._models().stop()
            if not await self._all_ended(_LAST_ANSWERS):
                for connection in list(self.server_state.connections):
                    connection.transport.abort()
                await self._all_ended(_LAST_ANSWERS)

    async def _all_ended(self, seconds: float) -> bool:
        """Wait for all connections and requests to end; return whether they have."""
        end = time.monotonic() + seconds
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_GLANCE)
        return True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal.

        uvicorn raises it again when it has stopped, which would end the process before its models
        are closed.
        """
        loop = asyncio.get_running_loop()
        for sign in _STOPPING:
            loop.add_signal_handler(sign, self.handle_exit, sign, None)
        try:
            yield
        finally:
            for sign in _STOPPING:
                loop.remove_signal_handler(sign)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order on the first signal, at once on the second."""
        if self.should_exit:
            asyncio.get_running_loop().remove_signal_handler(sig)
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        super().handle_exit(sig, frame)


def bound(host: str, port: int) -> socket.socket:
    """Take the address, before any model is loaded for it; raise OSError if it cannot be had.

    Nobody can connect yet: the socket listens once the models are open.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def url(address: socket.socket) -> str:
    """Return a base URL, without `/v1`, under which this machine reaches a bound socket."""
    host, port = address.getsockname()[:2]
    host = _ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(settings: Settings, address: socket.socket, on_listening: Callable[[Models], None]) -> None:
    """Open the models, serve on *address* until a signal ends it, close the models.

    *on_listening* is called once the server accepts requests.

    Raises ModelNotOpened, in an ExceptionGroup, if one of them cannot be opened.
    """
    app = create_app(settings)
    server = Server(
        _config(app, settings),
        models=lambda: app.state.models,
        on_listening=on_listening,
        grace=settings.server.shutdown_seconds,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, server, address))


async def _serve(app: Litestar, server: Server, address: socket.socket) -> None:
    # Not by uvicorn, which would only log that a model could not be opened.
    async with app.lifespan():
        # What has been loaded stays: to look through all of it for garbage would stop every
        # stream for half a second, again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        await server.serve([address])


def _config(app: Litestar, settings: Settings) -> uvicorn.Config:
    served = [name for model in settings.models for name in names(model)]
    limits = _within_descriptors(settings.server.limits)
    return uvicorn.Config(
        wrap(app, settings.server, served),
        http=partial(Connection, connections=Connections(limits)),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=cast("int", limits.idle_seconds),  # uvicorn only hands it to the loop
    )


def _within_descriptors(limits: Limits) -> Limits:
    """Return *limits* with no more connections than the process may have file descriptors for.

    Raises the process's own bound on descriptors, often 1024, as far as it may be.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    connections = max(soft - _OTHER_DESCRIPTORS, 1)
    log.warning("connections: %d, for want of file descriptors (ulimit -n)", connections)
    return replace(limits, connections=connections)
