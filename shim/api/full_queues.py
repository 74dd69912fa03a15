"""Refuses a request before its body is read, if there is no place for it in any queue."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from shim.http.batch_line import batch_line
from shim.http.single_flight import MAY_JOIN
from shim.serving.admission import Admission

from .visible_models import visible_models

_Connection = ASGIConnection[Any, Any, Any, Any]


# Asynchronous although it awaits nothing: Litestar would run it in a thread.
async def queue_guard(connection: _Connection, _handler: BaseRouteHandler) -> None:
    """Raise QueueFull if the queue of each model that the request may name is full.

    A Litestar guard for routes that run models.
    """
    if connection.scope.get("method") != "POST" or _needs_no_place(connection.scope):
        return
    # Those that the key may use: a full queue must not show that another model exists.
    visible_models(connection.app.state, connection.scope).refuse_if_full()


def refuse_if_full(connection: _Connection, queue: Admission) -> None:
    """Raise QueueFull if *queue*, to which the request will come, is full."""
    if not _needs_no_place(connection.scope):
        queue.refuse_if_full()


def _needs_no_place(scope: Scope) -> bool:
    """Return whether the request may get an answer that exists, or is a line of a batch."""
    return MAY_JOIN in scope or batch_line(scope) is not None
