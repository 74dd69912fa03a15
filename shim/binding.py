"""Binds the addresses that the command line names, with advice where that fails."""

import errno
import socket

import click

from .server import bind

_REMEDIES = {
    errno.EADDRINUSE: "choose another port with --port, or 0 for any free one",
    errno.EACCES: "ports below 1024 belong to the system; choose another with --port",
}
"""Advice for errors of binding an address; for all others it is to change --host."""


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address; raise ClickException with advice."""
    try:
        return bind(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: not a host name, such as "a..b"
        number = getattr(error, "errno", 0)
        remedy = _REMEDIES.get(number, "--host takes an address of this machine, as 127.0.0.1")
        reason = getattr(error, "strerror", None) or "not a host name"
        raise click.ClickException(f"Cannot listen on {host}:{port}: {reason}; {remedy}") from error
