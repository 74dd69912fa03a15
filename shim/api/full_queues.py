"""Refuses a request before its body is read, if there is no place for it in any queue."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from shim.http.single_flight import MAY_JOIN
from shim.serving.admission import Admission

from .visible_models import visible_models

_Connection = ASGIConnection[Any, Any, Any, Any]


# Asynchronous although it awaits nothing: Litestar would run it in a thread.
async def queue_guard(connection: _Connection, _handler: BaseRouteHandler) -> None:
    """Raise QueueFull if the queue of each model that the request may name is full.

    A Litestar guard for routes that run models.
    """
    if connection.scope.get("method") != "POST" or MAY_JOIN in connection.scope:
        return
    # Those that the key may use: a full queue must not show that another model exists.
    visible_models(connection.app.state, connection.scope).refuse_if_full()


def refuse_if_full(connection: _Connection, queue: Admission) -> None:
    """Raise QueueFull if *queue*, to which the request will come, is full."""
    if MAY_JOIN not in connection.scope:
        queue.refuse_if_full()
