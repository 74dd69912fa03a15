"""Waits for a batched call in the thread of its request."""

from concurrent.futures import CancelledError, Future
from typing import Any


def awaited(future: "Future[Any]") -> Any:
    """Wait for *future* and return its result.

    Raises what the call raised, or Abandoned if it was cancelled while queued.
    """
    try:
        return future.result()
    except CancelledError as error:
        raise Abandoned from error


class Abandoned(Exception):
    """The client has left, so nobody needs the result: ends the work in the request's thread.

    It is raised in that thread only, by a call that was cancelled while queued and by each call or
    check after the request was cancelled. It never reaches a client.
    """
