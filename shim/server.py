"""Runs the server's process: an event loop, the models, uvicorn on a socket; a signal ends it."""

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
from shim.http.request_log import log_request
from shim.http.stack import wrap
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from shim.serving.request_record import RequestRecord

from .app import create_app
from .limits import Limits
from .settings import Settings

log = logging.getLogger(__name__)

_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Addresses that mean all interfaces, with the one under which this machine reaches them."""

_POLL_SECONDS = 0.05
"""Seconds between two checks for running requests when the server stops."""

_LAST_ANSWER_SECONDS = 2.0
"""Seconds to send the last answers after the grace period."""

_OTHER_DESCRIPTORS = 1024
"""File descriptors for all but accepted connections: refused ones, spooled uploads, engines."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

GC_THRESHOLDS = (10_000, 20, 20)
"""The thresholds of the garbage collector. With hundreds of requests in progress, most new objects
are in use, and with Python's own (700, 10, 10) searching them takes an eighth of the CPU."""


class Server(uvicorn.Server):
    """uvicorn's server, with a callback at its start and an orderly end."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        models: Callable[[], Models],
        on_listening: Callable[[Models], None],
        grace: float,
    ) -> None:
        """*models* is called when the models are open; *grace* is in seconds."""
        super().__init__(config)
        self._models = models
        self._on_listening = on_listening
        self._grace = grace

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then call *on_listening*."""
        await super().startup(sockets)
        if self.started:
            self._on_listening(self._models())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: running requests have the grace period to end, all others get a 503 at once.

        After that, a request that still runs gets a 503 too, or an error event if its answer has
        begun. A client that does not read it is disconnected.
        """
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        self._models().drain()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._all_ended(self._grace):
            log.warning("requests still run after %g s: stopping them", self._grace)
            self._models().stop()
            if not await self._all_ended(_LAST_ANSWER_SECONDS):
                for connection in list(self.server_state.connections):
                    connection.transport.abort()
                await self._all_ended(_LAST_ANSWER_SECONDS)

    async def _all_ended(self, seconds: float) -> bool:
        """Wait up to *seconds* for all connections and requests to end; return whether they did."""
        end = time.monotonic() + seconds
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop the server on a signal, while the block runs.

        uvicorn's own method raises the signal again when the server has stopped; that would end the
        process before its models are closed.
        """
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop as `shutdown` does on the first signal, at once on the second."""
        if self.should_exit:
            asyncio.get_running_loop().remove_signal_handler(sig)
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        super().handle_exit(sig, frame)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address, but does not listen yet.

    It is bound before any model is loaded, so that an address in use is noticed early; it listens
    once the models are open. Raises OSError or UnicodeError.
    """
    address = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        address.bind((host, port))
    except OSError:
        address.close()
        raise
    return address


def url(address: socket.socket) -> str:
    """Return the URL, without `/v1`, under which this machine reaches the bound *address*."""
    host, port = address.getsockname()[:2]
    host = _REACHABLE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(settings: Settings, address: socket.socket, on_listening: Callable[[Models], None]) -> None:
    """Open the models, serve on *address* until a signal, then close the models.

    *on_listening* is called once the server accepts requests. Raises an ExceptionGroup with
    ModelNotOpened if a model cannot be opened.
    """
    metrics = Metrics()
    app = create_app(settings, metrics)
    server = Server(
        _config(app, settings, metrics),
        models=lambda: app.state.models,
        on_listening=on_listening,
        grace=settings.server.shutdown_seconds,
    )
    metrics.http.watch_connections(lambda: len(server.server_state.connections))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, server, address))


async def _serve(app: Litestar, server: Server, address: socket.socket) -> None:
    # Not uvicorn's lifespan, which would only log that a model could not be opened.
    async with app.lifespan():
        # The loaded models are kept to the end: searching them for garbage would stop every stream
        # for half a second, again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        await server.serve([address])


def _config(app: Litestar, settings: Settings, metrics: Metrics) -> uvicorn.Config:
    def on_end(record: RequestRecord) -> None:
        metrics.http.count(record)
        log_request(record)

    served = [name for model in settings.models for name in names(model)]
    limits = _within_descriptors(settings.server.limits)
    return uvicorn.Config(
        wrap(app, settings.server, served, on_end=on_end),
        http=partial(Connection, connections=Connections(limits, on_end)),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=cast("int", limits.idle_seconds),  # uvicorn only hands it to the loop
    )


def _within_descriptors(limits: Limits) -> Limits:
    """Return *limits* with as many connections as the process may have file descriptors for.

    Increases the soft limit of the process, often 1024 descriptors, up to its hard limit if needed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = limits.connections + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return limits
    connections = max(soft - _OTHER_DESCRIPTORS, 1)
    log.warning("only %d connections: too few file descriptors (ulimit -n)", connections)
    return replace(limits, connections=connections)
