"""Defines `shim replay`: serves a recording on a port, in an event loop of its own."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import uvicorn
from litestar.types import ASGIApp

from shim.exchanges.folder import FolderUnusable, Recording
from shim.exchanges.replay import Replay
from shim.http.connections import Connections, within_descriptors
from shim.http.disconnects import CancelOnDisconnect
from shim.http.first_checks import FirstChecks
from shim.http.lingering_close import LingeringClose
from shim.http.request_log import RequestLog, log_request
from shim.http.uvicorn_config import configured

from .binding import bound
from .logs import logging_to_stderr
from .server import run, url
from .settings import LOOPBACK, ServerSettings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--pace",
    type=click.Choice(["none", "real"]),
    default="none",
    show_default=True,
    help="When the pieces of an answer are sent: at once, or at the times of the recording.",
)
@click.option("--port", default=8000, show_default=True, help="The port; 0 for any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--allow-keyless",
    is_flag=True,
    help="Serve other machines too: anyone who reaches the port can read the recording.",
)
def replay(folder: Path, *, pace: str, port: int, host: str, allow_keyless: bool) -> None:
    """Answer from the recording in DIR that `shim serve --record` has made; no model is needed.

    Equal requests get their answers in the order of the recording, then from the first one again.
    A request that was not recorded is a 404 that says what differs from the nearest one. Any key
    is accepted.
    """
    if host not in LOOPBACK and not allow_keyless:
        raise click.UsageError(f"{host} lets anyone read the recording: add --allow-keyless.")
    try:
        answers = Replay(Recording(folder), paced=pace == "real")
    except FolderUnusable as error:
        raise click.ClickException(str(error)) from error
    with logging_to_stderr("WARNING", "text"), bound(host, port) as address:
        run(_serve(answers, address, ServerSettings(host=host, port=port, allow_keyless=True)))


async def _serve(replay: Replay, address: socket.socket, server: ServerSettings) -> None:
    connections = Connections(within_descriptors(server.limits), log_request)
    serving = _Announced(configured(_wrapped(replay, server), connections))
    serving.announcement = f"Shim replays {replay.count} requests on {url(address)}/v1"
    await serving.serve([address])


def _wrapped(replay: Replay, server: ServerSettings) -> ASGIApp:
    checked = FirstChecks(CancelOnDisconnect(replay), server)
    return RequestLog(LingeringClose(checked), log_request)


class _Announced(uvicorn.Server):
    """uvicorn's server, which prints a line when it listens."""

    announcement = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then print the line."""
        await super().startup(sockets)
        click.echo(self.announcement)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; uvicorn's own method raises them again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
