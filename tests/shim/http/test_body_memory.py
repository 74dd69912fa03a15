"""The limit on the bodies of all requests in progress together."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shim.app import create_app
from shim.errors import BodyMemoryFull
from shim.http.body_memory import BodyMemory, HeldBytes, reserve
from shim.settings import load

LIMIT = 10_000


@asynccontextmanager
async def serving() -> AsyncGenerator[tuple[HeldBytes, Any], None]:
    """Yield an application's counter, and the application; its model `m` takes an hour."""
    settings = load(
        environment={},
        flags={
            "server": {"limits": {"held_bytes": LIMIT}},
            "models": [
                {
                    "id": "m",
                    "backend": "fake",
                    "source": "chat",
                    "options": {"seconds_per_item": 3600},
                },
                {"id": "quick", "backend": "fake", "source": "chat"},
            ],
        },
    )
    app = create_app(settings)
    layer: Any = app.asgi_handler
    while not isinstance(layer, BodyMemory):
        layer = layer._app
    async with app.lifespan():
        yield layer._held, app


class Client:
    """One request over ASGI, whose client can disconnect."""

    def __init__(self, app: Any, body: dict[str, Any], size: int) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        content = json.dumps(body).encode().ljust(size)
        self._content = content
        self.task = asyncio.create_task(app(self._scope(), self._events.get, self.sent.put))

    @staticmethod
    def _scope() -> Any:
        return {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "raw_path": b"/v1/chat/completions",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }

    def send(self, *, more: bool = False) -> None:
        """Send the body."""
        event = {"type": "http.request", "body": self._content, "more_body": more}
        self._events.put_nowait(event)

    def disconnect(self) -> None:
        """Close the connection."""
        self._events.put_nowait({"type": "http.disconnect"})

    async def status(self) -> int:
        """Return the status of the answer."""
        return int((await self.sent.get())["status"])


def chat(model: str = "m", *, stream: bool = False) -> dict[str, Any]:
    """Return a request."""
    return {"model": model, "messages": [{"role": "user", "content": "a"}], "stream": stream}


async def until(counter: HeldBytes, size: int) -> None:
    """Wait until *size* bytes are reserved."""
    async with asyncio.timeout(20):
        while counter.count != size:  # noqa: ASYNC110 - the counter has no event to wait for
            await asyncio.sleep(0)


async def test_the_limit() -> None:
    """Beyond the limit a body is a 429 with Retry-After, until another request has ended."""
    async with serving() as (counter, app):
        first = Client(app, chat(), 8000)
        first.send()
        await until(counter, 8000)

        second = Client(app, chat("quick"), 3000)
        second.send()
        refusal = await second.sent.get()
        assert refusal["status"] == 429
        assert b"retry-after" in dict(refusal["headers"])
        await second.task
        assert counter.count == 8000

        first.disconnect()
        await first.task
        third = Client(app, chat("quick"), 3000)
        third.send()
        assert await third.status() == 200
        await third.task
        assert counter.count == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_clients_that_disconnect(*, stream: bool) -> None:
    """Bytes are released if a client disconnects, in the middle of its body or while it waits."""
    async with serving() as (counter, app):
        half, whole = Client(app, chat(stream=stream), 2000), Client(app, chat(stream=stream), 3000)
        half.send(more=True)
        whole.send()
        await until(counter, 5000)

        half.disconnect()
        await half.task
        await until(counter, 3000)
        whole.disconnect()
        await whole.task

        assert counter.count == 0


async def test_a_stream_that_ends() -> None:
    """The body of a streamed answer's request is released with the last event."""
    async with serving() as (counter, app):
        client = Client(app, chat("quick", stream=True), 4000)
        client.send()
        assert await client.status() == 200
        await client.task

        assert counter.count == 0


async def test_a_failure_releases() -> None:
    """Bytes are released if the application raises an exception."""

    async def fails(scope: Any, _receive: Any, _send: Any) -> None:
        reserve(scope, 6)
        assert counter.count == 6
        reserve(scope, 5)

    counter = HeldBytes()

    with pytest.raises(BodyMemoryFull):
        await BodyMemory(fails, counter, 10)({"type": "http"}, None, None)  # type: ignore[arg-type, typeddict-item]

    assert counter.count == 0
