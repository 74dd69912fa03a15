"""Gives each request an id, for the header `x-request-id` of its answer and for the log."""

import logging
import re
import secrets

from litestar.types import Message, Scope

from shim.errors import UNFORESEEN, shortened

log = logging.getLogger(__name__)

_PATH_BYTES = 300
"""Most bytes of a path in the log; a client may send 32 KiB."""

HEADER = b"x-request-id"

_CLIENT_HEADERS = (HEADER, b"x-client-request-id")
"""Headers in which a client may send its own id; the second is OpenAI's."""

_ACCEPTED = re.compile(rb"[!-~]([ -~]{0,126}[!-~])?")
"""Ids that are accepted from a client: up to 128 printable ASCII characters."""


def new_id() -> bytes:
    """Return a random id."""
    return f"req_{secrets.token_hex(16)}".encode()


def log_answer(scope: Scope, status: int) -> bytes:
    """Log the answer to a request with its *status*, and return the request's id.

    The id is the client's own, or a new one. Two requests may have the same id, because clients
    choose it; it is never used as a key. Status 500 is logged as an error, so that the line appears
    beside the traceback at any log level.
    """
    client_id = next((value for name, value in scope["headers"] if name in _CLIENT_HEADERS), b"")
    request_id = client_id if _ACCEPTED.fullmatch(client_id) else new_id()
    method = scope.get("method")  # the type includes WebSockets, whose scope lacks it
    level = logging.ERROR if status == UNFORESEEN else logging.INFO
    path = shortened(scope["path"], _PATH_BYTES)
    log.log(level, "%s %s %s %s", method, path, status, request_id.decode())
    return request_id


async def stamp(message: Message, scope: Scope) -> None:
    """Add the header `x-request-id` to *message* if it begins an answer.

    The stock client shows that id in its exceptions.
    """
    if message["type"] != "http.response.start":
        return
    request_id = log_answer(scope, message["status"])
    message["headers"] = [*message["headers"], (HEADER, request_id)]
