"""Gives each request an id, for the header `x-request-id` of its answer and for the log."""

import re
import secrets
from collections.abc import Iterable

HEADER = b"x-request-id"

_CLIENT_HEADERS = (HEADER, b"x-client-request-id")
"""Headers in which a client may send its own id; the second is OpenAI's."""

_ACCEPTED = re.compile(rb"[!-~]([ -~]{0,126}[!-~])?")
"""Ids that are accepted from a client: up to 128 printable ASCII characters."""


def new_id() -> bytes:
    """Return a random id."""
    return f"req_{secrets.token_hex(16)}".encode()


def id_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the id of a request with *headers*: the client's own, or a new one.

    Two requests may have the same id, because clients choose it; it is never used as a key.
    """
    client_id = next((value for name, value in headers if name in _CLIENT_HEADERS), b"")
    return client_id if _ACCEPTED.fullmatch(client_id) else new_id()
