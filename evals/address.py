"""Checks base URLs, removes secrets from them, and guesses what a wrong one may have meant."""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from evals.failures import BadAddress

ENDPOINT = re.compile(
    r"/(models|chat/completions|completions|responses|embeddings|audio(/transcriptions)?)/?$"
)
"""The path of one endpoint at the end of a URL, which does not belong to a base URL."""
HOST = re.compile(r"(?!https?\b)(\[[0-9a-f:]+\]|[\w.-]+)(:\d+)?(/.*)?", re.IGNORECASE)
"""A host with or without a port and a path, but without `http://`."""


def checked(url: str) -> str:
    """Return *url* without outer white space. Raises BadAddress, which shows how to write it."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port beyond 65535, half an IPv6 address
        usable = False
    if usable and url.isprintable() and " " not in url:
        return url
    shown = url.rpartition("@")[2].partition("?")[0]
    hint = "write it in full, as in http://127.0.0.1:8000/v1"
    if HOST.fullmatch(shown):
        hint = f"did you mean http://{shown}?"
    raise BadAddress(f"{shown!r} is not a base URL: {hint}")


def public(url: str) -> str:
    """Return *url* without the parts that may be secret: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_loopback(url: str) -> bool:
    """Return whether *url* names this machine."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    # A client that connects to 0.0.0.0, which servers print, arrives at this machine.
    return address.is_loopback or address.is_unspecified


def alternatives(url: str) -> Iterator[str]:
    """Yield base URLs that a wrong *url* may have meant: with `/v1`, without an endpoint's path."""
    parts = urlsplit(url)
    path = ENDPOINT.sub("", parts.path).rstrip("/")
    for candidate in dict.fromkeys((path, f"{path}/v1", "/v1")):
        if candidate != parts.path.rstrip("/"):
            yield urlunsplit((parts.scheme, parts.netloc, candidate, "", ""))
