"""Bodies that cannot be read, or that break off."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar, post
from litestar.datastructures import State
from msgspec import Struct

from shim.http.body_memory import BodyMemory
from shim.http.error_handlers import HANDLERS
from shim.http.request import ApiRequest
from shim.settings import ServerSettings


class Asked(Struct):
    """What may be sent."""

    a: int = 0
    stream: bool = False


@post("/", status_code=200)
async def echo(request: ApiRequest) -> Asked:
    """Return what was sent."""
    return await request.read(Asked)


async def status(*events: dict[str, Any]) -> int:
    """Return how a request that arrives as these *events* is answered."""
    state = State({"server": ServerSettings()})
    app = Litestar([echo], request_class=ApiRequest, exception_handlers=HANDLERS, state=state)
    scope: Any = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    coming: Iterator[Any] = iter(events)
    sent: list[Any] = []

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    await BodyMemory(app, limit=1 << 20)(scope, receive, send)
    return sent[0]["status"]


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    """Return a piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


async def test_json_in_pieces() -> None:
    """A body may come in pieces."""
    assert await status(part(b'{"a"', more=True), part(b": 1}")) == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'"\xff"', b"[" * 100_000],
    ids=["empty", "cut", "words", "bytes", "deep"],
)
async def test_what_is_no_json(body: bytes) -> None:
    """Whatever is wrong with it, it is the client's fault."""
    assert await status(part(body)) == 400


@pytest.mark.parametrize(
    "body", [b'{"a": "1"}', b'{"a": true}', b'{"stream": 1}', b'{"stream": "no"}']
)
async def test_what_has_another_type(body: bytes) -> None:
    """A text is no number, and neither is a truth, as at OpenAI; vLLM's server guesses."""
    assert await status(part(body)) == 400


async def test_a_client_that_leaves(caplog: pytest.LogCaptureFixture) -> None:
    """A body that breaks off is nobody's failure, and no news."""
    assert await status(part(b"{", more=True), {"type": "http.disconnect"}) == 499
    assert caplog.text == ""
