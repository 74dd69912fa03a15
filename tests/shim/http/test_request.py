"""Bodies that cannot be decoded, and bodies whose client disconnects."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar, post
from litestar.datastructures import State
from msgspec import Struct

from shim.http.body_memory import BodyMemory, HeldBytes
from shim.http.error_handlers import HANDLERS
from shim.http.request import ApiRequest
from shim.settings import ServerSettings


class Body(Struct):
    """A body."""

    a: int = 0
    stream: bool = False


@post("/", status_code=200)
async def echo(request: ApiRequest) -> Body:
    """Return the decoded body."""
    return await request.read(Body)


async def status(*events: dict[str, Any]) -> int:
    """Return the status of the answer to a request that arrives as these *events*."""
    state = State({"server": ServerSettings()})
    app = Litestar([echo], request_class=ApiRequest, exception_handlers=HANDLERS, state=state)
    scope: Any = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    coming: Iterator[Any] = iter(events)
    sent: list[Any] = []

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    await BodyMemory(app, HeldBytes(), limit=1 << 20)(scope, receive, send)
    return sent[0]["status"]


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    """Return a piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


async def test_json_in_pieces() -> None:
    """A body may arrive in pieces."""
    assert await status(part(b'{"a"', more=True), part(b": 1}")) == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'"\xff"', b"[" * 100_000],
    ids=["empty", "cut", "words", "bytes", "deep"],
)
async def test_invalid_json(body: bytes) -> None:
    """A body that is not JSON is a 400."""
    assert await status(part(body)) == 400


@pytest.mark.parametrize(
    "body", [b'{"a": "1"}', b'{"a": true}', b'{"stream": 1}', b'{"stream": "no"}']
)
async def test_other_types(body: bytes) -> None:
    """Texts and booleans are not numbers, as at OpenAI; vLLM's server converts them."""
    assert await status(part(body)) == 400


async def test_a_client_that_disconnects(caplog: pytest.LogCaptureFixture) -> None:
    """A disconnect in the middle of a body is a 499, which is not logged as an error."""
    assert await status(part(b"{", more=True), {"type": "http.disconnect"}) == 499
    assert caplog.text == ""
