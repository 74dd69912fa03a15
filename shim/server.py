"""The process: uvicorn on a socket, told where it listens, ended by a signal."""

import socket
from collections.abc import Callable

import uvicorn

from .app import create_app
from .settings import Settings


class Server(uvicorn.Server):
    """uvicorn, which says so as soon as it accepts connections."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the models, bind, then report the address that was bound."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_listening(f"http://{_bracketed(host)}:{port}")


def run(settings: Settings, on_listening: Callable[[str], None]) -> bool:
    """Serve *settings* until a signal ends it; return whether it ever listened.

    *on_listening* is given the base URL, without `/v1`, once every model is open.
    """
    server = settings.server
    config = uvicorn.Config(
        create_app(settings),
        host=server.host,
        port=server.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(server.shutdown_seconds),
    )
    process = Server(config, on_listening)
    process.run()
    return process.started


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
