"""Prepares what Ray reads while it is imported: the cluster's address, variables, its token.

The variables are set in the server and in its replicas.
"""

import logging
import os
import secrets
import tempfile
from importlib.util import find_spec
from pathlib import Path

log = logging.getLogger(__name__)

MESSAGE_BYTES = (1 << 31) - 1
"""Most bytes of one message: the most that gRPC allows. Ray Serve's own limit, 4 MiB, is less than
a long prompt with images."""

VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",  # a server must not send reports of its use
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(MESSAGE_BYTES),
    "RAY_SERVE_LOG_TO_STDERR": "0",
}

_PROBE_SECONDS = 10.0
"""Most seconds for the answer of a cluster's head."""


class RayMissing(Exception):
    """Ray is not installed here."""


def prepare(address: str) -> str:
    """Set the variables for the cluster at *address*; return HOST:PORT, or `local`.

    Blocks; Ray must not have been imported yet. Raises RayMissing if Ray is not installed, and
    ConnectionError if nothing answers there, or the cluster has a token and there is none here.
    """
    os.environ.update(VARIABLES)
    if not all(map(find_spec, ("ray", "grpc"))):
        raise RayMissing(
            "Ray is not installed here: pip install 'evalshim[ray]' (the table [cluster], or "
            "--cluster, needs it)"
        )
    if address == "local":
        _close_to_others()
        # A replica is what the machine is for. Ray would let all other programs go first.
        os.environ.setdefault("RAY_worker_niceness", "0")
        return address
    address = _current() if address == "auto" else address
    if _needs_token(address):
        _use_token()
    return address


def _close_to_others() -> None:
    """Let a cluster of this process listen on 127.0.0.1, with a token of its own.

    Whoever reaches a cluster without a token can run programs there, and Ray Serve's replicas
    listen on all addresses. The first variable has this effect on Linux too, in spite of its name.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ.setdefault("RAY_AUTH_MODE", "token")


def _current() -> str:
    """Return the address of the cluster that this machine belongs to, as Ray finds it itself.

    HOST:PORT, because `ray.init(address="auto")` would choose this machine's own address anew: on a
    cluster that listens on 127.0.0.1, calls then wait for ever.
    """
    file = Path(os.environ.get("RAY_TMPDIR", tempfile.gettempdir())) / "ray" / "ray_current_cluster"
    address = os.environ.get("RAY_ADDRESS", "auto")
    if address == "auto" and file.is_file():
        address = file.read_text(encoding="utf-8").strip()
    if address == "auto":
        raise ConnectionError(
            "this machine belongs to no cluster of Ray's: start it by `ray start`"
        )
    return address


def _needs_token(address: str) -> bool:
    """Return whether the head at *address* answers only those who send a token.

    A connection with a token to a cluster without one hangs, and the other way round it fails after
    half a minute without a reason. Raises ConnectionError if there is no answer.
    """
    import grpc

    if os.environ.get("RAY_USE_TLS", "0") != "0":
        return "RAY_AUTH_TOKEN" in os.environ  # Ray itself must connect to find out
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/ray.rpc.NodeInfoGcsService/GetClusterId")
        try:
            call(b"", timeout=_PROBE_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                return True
            raise ConnectionError(f"no head of Ray's answers at {address}") from error
    log.warning(
        "the cluster at %s has no token: whoever reaches its ports can run programs there", address
    )
    return False


def _use_token() -> None:
    """Let Ray send its token; raise ConnectionError if there is none where Ray looks for it."""
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if not named and not Path("~/.ray/auth_token").expanduser().is_file():
        raise ConnectionError(
            "the cluster has a token: give it in RAY_AUTH_TOKEN, or in ~/.ray/auth_token as on the "
            "machine of its head"
        )
    os.environ["RAY_AUTH_MODE"] = "token"
