"""Refuses a request before its body is read, if there is no place for it in any queue."""

from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from shim.http.model_prefix import IN_SCOPE
from shim.http.single_flight import MAY_JOIN
from shim.serving.admission import Admission
from shim.serving.models import Models

_Connection = ASGIConnection[Any, Any, Any, Any]


# Asynchronous although it awaits nothing: Litestar would run it in a thread.
async def queue_guard(connection: _Connection, _handler: BaseRouteHandler) -> None:
    """Raise QueueFull if the queue of each model that the request may name is full.

    A Litestar guard for routes that run models.
    """
    if connection.scope.get("method") != "POST" or MAY_JOIN in connection.scope:
        return
    models: Models = connection.app.state.models
    models.refuse_if_full(cast("str | None", connection.scope.get(IN_SCOPE)))


def refuse_if_full(connection: _Connection, queue: Admission) -> None:
    """Raise QueueFull if *queue*, to which the request will come, is full."""
    if MAY_JOIN not in connection.scope:
        queue.refuse_if_full()
