"""Reads for how long a client waits for its answer, from the headers of OpenAI's clients."""

from litestar.types import Scope

_HEADERS = (b"x-stainless-read-timeout", b"x-stainless-timeout")
"""The first is that of the clients for Python and Java; the second that of the one for Node."""

_LONGEST = 24 * 3600.0
"""Most seconds that are believed."""


def client_timeout(scope: Scope) -> float | None:
    """Return the seconds, in (0, 86400], for which the client waits for an answer to begin.

    None if it does not say so, or sends anything else.
    """
    headers = dict(scope["headers"])
    value = headers.get(_HEADERS[0]) or headers.get(_HEADERS[1]) or b""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 < seconds <= _LONGEST else None
