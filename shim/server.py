"""The process: an event loop, the models, uvicorn on a socket; ended by a signal."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from litestar import Litestar

from backends.config import names

from .app import create_app
from .corking import CorkedProtocol
from .lingering import Lingering
from .models import Models
from .prefix import ModelPrefix
from .settings import Settings

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - as bound, to where it is reached
_STOPPING = (signal.SIGTERM, signal.SIGINT)

_THRESHOLDS = (10_000, 20, 20)
"""Of the garbage collector. With hundreds of requests in flight most of what is new is in use:
Python's own (700, 10, 10) have it searched so often that an eighth of the CPU goes there."""


class Server(uvicorn.Server):
    """uvicorn, which says so as soon as it accepts connections."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, once.

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

    *on_listening* is told once what is served can be asked.

    Raises ModelNotOpened, in an ExceptionGroup, if one of them cannot be opened.
    """
    app = create_app(settings)
    server = Server(_config(app, settings), lambda: on_listening(app.state.models))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, server, address))


async def _serve(app: Litestar, server: Server, address: socket.socket) -> None:
    # Not by uvicorn, which would only log that a model could not be opened.
    async with app.lifespan():
        # What has been loaded stays: to look through all of it for garbage would stop every
        # stream for half a second, again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_THRESHOLDS)
        await server.serve([address])


def _config(app: Litestar, settings: Settings) -> uvicorn.Config:
    served = [name for model in settings.models for name in names(model)]
    return uvicorn.Config(
        Lingering(ModelPrefix(app, served)),
        http=CorkedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(settings.server.shutdown_seconds),
    )
