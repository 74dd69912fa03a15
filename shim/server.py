"""Runs the server's process: an event loop, the models, uvicorn on a socket; a signal ends it."""

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from types import FrameType
from typing import Any, cast

import uvicorn
import uvloop

from backends.registry import ModelNotOpened
from shim.http.connection import Connection
from shim.http.connections import Connections, within_descriptors
from shim.http.uvicorn_config import configured
from shim.serving.models import Models

from .admin import serving as admin_serving
from .reloading import Reloaded, Reloader
from .runtime import Runtime
from .settings import Settings, SettingsError

log = logging.getLogger(__name__)

_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Addresses that mean all interfaces, with the one under which this machine reaches them."""

_POLL_SECONDS = 0.05
"""Seconds between two checks for running requests when the server stops."""

_LAST_ANSWER_SECONDS = 2.0
"""Seconds to send the last answers after the grace period."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

GC_THRESHOLDS = (10_000, 20, 20)
"""The thresholds of the garbage collector. With hundreds of requests in progress, most new objects
are in use, and with Python's own (700, 10, 10) searching them takes an eighth of the CPU."""


class Server(uvicorn.Server):
    """uvicorn's server, with a callback at its start, reloads, and an orderly end."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        connections: Connections,
        runtime: Runtime,
        reloader: Reloader,
        on_listening: Callable[[Models], None],
        grace: float,
    ) -> None:
        """*grace* is in seconds."""
        super().__init__(config)
        self._connections = connections
        self._runtime = runtime
        self._reloader = reloader
        self._on_listening = on_listening
        self._grace = grace
        self._reloads: set[asyncio.Task[None]] = set()
        self._in_terminal = _has_terminal()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then call *on_listening*."""
        await super().startup(sockets)
        if self.started:
            self._on_listening(self._reloader.models)

    async def reload(self) -> Reloaded:
        """Read the configuration again and serve it (`Reloader.reload`)."""
        return await self._reloader.reload(self.server_state.tasks)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: running requests have the grace period to end, all others get a 503 at once.

        Until they have ended the server still listens, so that new requests get a 503 too, and
        `/ready` says that it is not. After the grace period, a request that still runs gets a 503,
        or an error event if its answer has begun. A client that does not read it is disconnected.
        """
        self._runtime.drain()
        self._connections.draining = True
        running = set(self.server_state.tasks)
        for connection in list(self.server_state.connections):
            cast("Connection", connection).drain()
        if running:
            _, late = await asyncio.wait(running, timeout=self._grace)
            if late:
                log.warning("requests still run after %g s: stopping them", self._grace)
                self._runtime.models.stop()
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
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
        """Stop the server on SIGTERM and SIGINT, and reload on SIGHUP, while the block runs.

        uvicorn's own method raises the signal again when the server has stopped; that would end the
        process before its models are closed.
        """
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        try:
            yield
        finally:
            for number in (*_STOP_SIGNALS, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop as `shutdown` does on the first signal, at once on the second."""
        if self.should_exit:
            asyncio.get_running_loop().remove_signal_handler(sig)
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        super().handle_exit(sig, frame)

    def _on_hangup(self) -> None:
        """Reload; or stop, if the signal came because the server's terminal was closed."""
        if self._in_terminal and not _has_terminal():
            self.handle_exit(signal.SIGHUP, None)
            return
        task = asyncio.create_task(self._reload_quietly())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload_quietly(self) -> None:
        # The reloader has logged the reason, and a signal has nobody else who reads it.
        with suppress(SettingsError, ModelNotOpened):
            await self.reload()


def _has_terminal() -> bool:
    """Return whether the process has a terminal that has not been closed."""
    try:
        with open("/dev/tty", "rb"):  # noqa: PTH123  not a path of files
            return True
    except OSError:
        return False


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


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Run *serving*, which `serve_until_signal` returns, in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)


async def serve_until_signal(
    settings: Settings,
    address: socket.socket,
    admin_address: socket.socket | None,
    on_listening: Callable[[Models], None],
    load: Callable[[], Settings],
) -> None:
    """Open the models, serve on *address* until a signal, then close the models.

    The admin port is served on *admin_address*; None: it is closed. *on_listening* is called once
    the server accepts requests; *load* reads the settings anew for a reload. Raises ModelNotOpened
    if a model cannot be opened.
    """
    runtime = Runtime(settings)
    # Not uvicorn's lifespan, which would only log that a model could not be opened.
    async with runtime.running(settings) as models:
        # The loaded models are kept to the end: searching them for garbage would stop every stream
        # for half a second, again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        connections = Connections(within_descriptors(settings.server.limits), runtime.on_end)
        reloader = Reloader(settings, runtime, models, load=load, connections=connections)
        server = Server(
            configured(reloader.current, connections),
            connections=connections,
            runtime=runtime,
            reloader=reloader,
            on_listening=on_listening,
            grace=settings.server.shutdown_seconds,
        )
        count = server.server_state.connections
        runtime.metrics.http.watch_connections(lambda: len(count))
        async with AsyncExitStack() as stack:
            if admin_address is not None and settings.server.admin_key is not None:
                admin = admin_serving(
                    admin_address, settings.server.admin_key, server.reload, runtime.on_end
                )
                await stack.enter_async_context(admin)
            await server.serve([address])
