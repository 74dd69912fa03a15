"""Keys: requests that are answered, and requests that are refused."""

import hashlib
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.testing import TestClient

from shim.http.auth import PUBLIC, KeyGuard, Keys
from shim.http.error_handlers import HANDLERS
from shim.key_settings import NamedKey
from shim.serving.request_record import CURRENT, RequestRecord
from shim.settings import ServerSettings

DIGEST = "sha256:" + hashlib.sha256(b"secret").hexdigest()


@get("/", sync_to_thread=False)
def guarded() -> str:
    """Answer requests with a key."""
    return "in"


@get("/open", opt={PUBLIC: True}, sync_to_thread=False)
def public() -> str:
    """Answer all requests."""
    return "in"


def status(keys: tuple[str, ...], path: str = "/", **headers: str) -> int:
    """Return the status of a request to a server with these *keys*."""
    routes: list[Any] = [guarded, public]
    guard = KeyGuard(Keys(ServerSettings(api_keys=keys)), free=frozenset({PUBLIC}))
    app = Litestar(routes, guards=[guard], exception_handlers=HANDLERS)
    with TestClient(app) as client:
        return client.get(path, headers=headers).status_code


@pytest.mark.parametrize("keys", [("secret",), (DIGEST,), ("other", "secret"), ("other", DIGEST)])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_let_in(keys: tuple[str, ...], scheme: str) -> None:
    """A key may be configured in plain or as its digest; the case of the scheme does not matter."""
    assert status(keys, authorization=f"{scheme}secret") == 200


@pytest.mark.parametrize(
    "value",
    ["", "secret", "Bearer", "Bearer other", "Bearer secretsecret", "Basic secret", DIGEST],
)
def test_kept_out(value: str) -> None:
    """Another key, another scheme or none, and the digest itself are refused."""
    for keys in (("secret",), (DIGEST,)):
        assert status(keys, authorization=value) == 401
        assert status(keys, authorization=f"Bearer {DIGEST}") == 401


def test_no_keys_configured() -> None:
    """Without configured keys all requests are answered, with a key or without."""
    assert status(()) == 200
    assert status((), authorization="Bearer anything") == 200


def test_public_routes() -> None:
    """A route with the `opt` of public routes needs no key."""
    assert status(("secret",), "/open") == 200


def test_keys_are_not_kept() -> None:
    """Only the digest of a plain key stays in memory."""
    settings = ServerSettings(api_keys=("secret",), keys=(NamedKey(name="alice", key="secret-2"),))

    assert "secret" not in repr(settings)
    assert "secret" not in repr(vars(Keys(settings)))


async def test_whose_key_it_is() -> None:
    """The record of a request has the name of its key, and nothing else of it."""
    settings = ServerSettings(keys=(NamedKey(name="alice", key="secret"),))
    guard = KeyGuard(Keys(settings), free=frozenset({PUBLIC}))
    headers = [(b"authorization", b"Bearer secret")]
    connection: Any = ASGIConnection({"type": "http", "method": "POST", "headers": headers})
    CURRENT.set(record := RequestRecord())

    await guard(connection, guarded)

    assert record.key == "alice"
