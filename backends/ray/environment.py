"""Sets the variables that Ray reads while it is imported; imports Ray, or says how to install it.

They are set in the server and in its replicas.
"""

import os
import secrets
from pathlib import Path

MESSAGE_BYTES = (1 << 31) - 1
"""Most bytes of one message: the most that gRPC allows. Ray Serve's own limit, 4 MiB, is less than
a long prompt with images."""

VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",  # a server must not send reports of its use
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(MESSAGE_BYTES),
    "RAY_SERVE_LOG_TO_STDERR": "0",
}


class RayMissing(Exception):
    """Ray is not installed here."""


def import_ray(*, loopback: bool) -> None:
    """Import Ray with our variables; raise RayMissing if it is not installed.

    With *loopback*, a cluster that this process starts listens on 127.0.0.1 alone, with a token of
    its own: who reaches a cluster without one can run programs there. (The variable has this effect
    on Linux too, in spite of its name.) `ray start` makes a token, which is sent if it is found
    here.
    """
    os.environ.update(VARIABLES)
    if loopback:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    if _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray.serve  # noqa: F401
    except ImportError as error:
        raise RayMissing(
            "Ray is not installed here: pip install 'evalshim[ray]' (the table [cluster], or "
            "--cluster, needs it)"
        ) from error


def _has_token() -> bool:
    """Return whether there is a token where Ray looks for it."""
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    return bool(named) or Path("~/.ray/auth_token").expanduser().is_file()
