"""The id of a request, by which its answer's `x-request-id` and the log name it."""

import logging
import re
import secrets

from litestar.types import Message, Scope

from shim.errors import UNFORESEEN, shortened

log = logging.getLogger(__name__)

_PATH_BYTES = 300
"""Of a path that the log repeats: a head may have 32 kB."""

HEADER = b"x-request-id"

_GIVEN = (HEADER, b"x-client-request-id")
"""Headers in which a client gives its own id; the second is OpenAI's."""

_TAKEN = re.compile(rb"[!-~]([ -~]{0,126}[!-~])?")
"""Ids that are taken over from a client: up to 128 characters that can be printed, of ASCII."""


def new() -> bytes:
    """Return an id that no other request has."""
    return f"req_{secrets.token_hex(16)}".encode()


def logged(scope: Scope, status: int) -> bytes:
    """Return the id of a request, under which its answer of that *status* is logged.

    It is the one that the client gave, or else a new one. Two requests may have the same: it names
    them in answers and in the log, and nothing is found by it. An unforeseen failure is logged at
    any level, next to its traceback.
    """
    given = next((value for name, value in scope["headers"] if name in _GIVEN), b"")
    request_id = given if _TAKEN.fullmatch(given) else new()
    method = scope.get("method")  # typed for WebSockets too, which have none
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
    request_id = logged(scope, message["status"])
    message["headers"] = [*message["headers"], (HEADER, request_id)]
