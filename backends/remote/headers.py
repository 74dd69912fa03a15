"""Which headers pass from a client to a server and back, and what `retry-after` states."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Headers = Iterable[tuple[bytes, bytes]]

_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers of one connection (RFC 9110, 7.6.1), beside those that `connection` names."""

_NOT_UP = _HOP | {
    # The body is sent decompressed, with its own length.
    b"content-encoding",
    b"content-length",
    b"expect",
    b"host",
    # Events must not be compressed: `identity` is sent.
    b"accept-encoding",
    # The client's credentials are for this server only.
    b"api-key",
    b"authorization",
    b"cookie",
    b"x-api-key",
    # A fault that the client orders is one of this server.
    b"x-shim-fault",
    # This server keeps the work of a client that times out for its retry. A Shim behind would do
    # the same when this one gives a request up, and compute for nobody.
    b"x-stainless-read-timeout",
    b"x-stainless-timeout",
}

_NOT_DOWN = _HOP | {
    b"alt-svc",
    b"date",
    b"server",
    b"set-cookie",
    b"strict-transport-security",
    # Of a further Shim behind the server: its names mean nothing to this client.
    b"x-shim-attempts",
    b"x-shim-upstream",
}

_NOT_DOWN_PREFIXES = (
    b"access-control-",  # this server's own settings decide
    b"x-ratelimit-",  # those of one server's key say nothing of the pool
)

_REQUEST_ID = b"x-request-id"


def to_upstream(headers: Headers, *, key: str | None) -> list[tuple[str, str]]:
    """Return the client's *headers*, for a server that needs *key*."""
    passed = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in _kept(headers, _NOT_UP)
    ]
    passed.append(("accept-encoding", "identity"))
    if key is not None:
        passed.append(("authorization", f"Bearer {key}"))
    return passed


def to_client(headers: Headers, *, events: bool = False) -> list[tuple[bytes, bytes]]:
    """Return a server's *headers* with names in lower case; its request id gets another name.

    A stream of *events* has no stated length: it may end with an error event of this server.
    """
    dropped = _NOT_DOWN | {b"content-length"} if events else _NOT_DOWN
    lowered = [(name.lower(), value) for name, value in headers]
    return [
        (b"x-upstream-request-id" if name == _REQUEST_ID else name, value)
        for name, value in _kept(lowered, dropped)
        if not name.startswith(_NOT_DOWN_PREFIXES)
    ]


def _kept(headers: Headers, dropped: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    headers = list(headers)
    named = {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    }
    return [(name, value) for name, value in headers if name not in dropped and name not in named]


def seconds_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` state, a number or a date.

    None without them, and for values that are neither.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(float(headers[name]) / unit, 0.0)
        except (KeyError, ValueError):
            continue
    try:
        at = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)
