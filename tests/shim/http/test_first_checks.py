"""First checks: hosts and web pages that may call a server without keys, and HEAD."""

from typing import Any

import pytest
from litestar import get
from litestar.testing import create_test_client

from shim.http.first_checks import FirstChecks
from shim.settings import ServerSettings


async def status(server: ServerSettings, **headers: str) -> int:
    """Return the status of a GET with these *headers* to an application behind the checks."""
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": raw}
    await FirstChecks(app, server)(scope, None, send)  # type: ignore[arg-type]
    return int(sent[0]["status"])


LOCAL = ServerSettings()


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:80", "[::1]:8000", "shim.localhost:1", ""]
)
async def test_its_own_names(host: str) -> None:
    """A server on loopback answers to the names of loopback, and to requests without a host."""
    assert await status(LOCAL, host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "[::1", "a b"]
)
async def test_other_names(host: str) -> None:
    """A page whose name resolves to this machine (DNS rebinding) is refused."""
    assert await status(LOCAL, host=host) == 403


async def test_names_that_are_allowed() -> None:
    """`allowed_hosts` adds names; beyond loopback any name is allowed unless some are set."""
    named = ServerSettings(allowed_hosts=("shim.lab",))
    everywhere = ServerSettings(host="0.0.0.0", allow_keyless=True)  # noqa: S104

    assert await status(named, host="shim.lab:8000") == 200
    assert await status(named, host="localhost") == 200
    assert await status(everywhere, host="any.name") == 200


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:8000", 200),
        ("http://127.0.0.1:9000", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
async def test_pages_of_other_sites(origin: str, expected: int) -> None:
    """A server without keys answers only its own pages."""
    assert await status(LOCAL, host="127.0.0.1:8000", origin=origin) == expected


async def test_pages_that_are_allowed() -> None:
    """`cors_origins` lists pages that may use the server; `*` means all."""
    one = ServerSettings(cors_origins=("https://ui.example",))
    every = ServerSettings(cors_origins=("*",))

    assert await status(one, host="localhost", origin="https://ui.example") == 200
    assert await status(one, host="localhost", origin="https://ui.example.evil") == 403
    assert await status(every, host="localhost", origin="https://evil.example") == 200


async def test_a_key_protects() -> None:
    """With keys neither is checked: a page of another site does not have a key."""
    keyed = ServerSettings(api_keys=("secret",))

    assert await status(keyed, host="evil.example", origin="https://evil.example") == 200


def test_head() -> None:
    """HEAD is answered by the handler of GET."""

    @get("/x")
    async def handler() -> str:
        return "text"

    with create_test_client([handler]) as client:
        client.app.asgi_handler = FirstChecks(client.app.asgi_handler, LOCAL)

        assert client.head("/x", headers={"host": "localhost"}).status_code == 200
