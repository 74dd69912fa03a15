"""Configures uvicorn for a server of ours: its own limits, log and headers are switched off."""

from functools import partial

import uvicorn
from litestar.types import ASGIApp

from .connection import Connection
from .connections import Connections


def configured(app: ASGIApp, connections: Connections) -> uvicorn.Config:
    """Return the configuration of a server that answers *connections* by *app*."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=partial(Connection, connections=connections),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
