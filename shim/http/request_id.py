"""Gives each request an id, for the header `x-request-id` of its answer and for the log."""

import re
import secrets
from collections.abc import Mapping

HEADER = b"x-request-id"

_OPENAI = b"x-client-request-id"
"""OpenAI's header for an id of the client's own; `HEADER` is accepted too."""

_ACCEPTED = re.compile(rb"[!-~]([ -~]{0,126}[!-~])?")
"""Ids that are accepted from a client: up to 128 printable ASCII characters."""


def new_id() -> bytes:
    """Return a random id."""
    return f"req_{secrets.token_hex(16)}".encode()


def id_of(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the id of a request with *headers*: the client's own, or a new one.

    Two requests may have the same id, because clients choose it; it is never used as a key.
    """
    client_id = headers.get(HEADER) or headers.get(_OPENAI)
    return client_id if client_id and _ACCEPTED.fullmatch(client_id) else new_id()
