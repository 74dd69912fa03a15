"""Clients that leave: their slot is free again, and the next request gets its answer."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.client.slots import chat_status, reaches, speech_status
from tests.client.stock import answered, first, says
from tests.live import KEY, LiveServer

LONG = "word " * 1500
"""Two and a half minutes of the model `one`."""

LINES = b"line\n" * 1500
"""The same of `one-line`."""


@asynccontextmanager
async def connection(server: LiveServer) -> AsyncGenerator[asyncio.StreamWriter, None]:
    """Open a connection of which nothing is read, and cut it at the end of the block."""
    url = httpx.URL(server.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    try:
        yield writer
    finally:
        writer.transport.abort()


def chat_request(*, stream: bool) -> httpx.Request:
    """Return a chat request that takes minutes."""
    body = {"model": "one", "messages": says(LONG), "stream": stream}
    return httpx.Request("POST", "http://x/v1/chat/completions", json=body)


def speech_request() -> httpx.Request:
    """Return an upload that takes minutes."""
    url = "http://x/v1/audio/transcriptions"
    return httpx.Request("POST", url, data={"model": "one-line"}, files={"file": LINES})


def list_request() -> httpx.Request:
    """Return the same as `speech_request`, as the only item of a list."""
    files = [base64.b64encode(LINES).decode()]
    url = "http://x/v1/audio/transcriptions"
    return httpx.Request("POST", url, json={"model": "one-line", "files": files})


def raw(request: httpx.Request) -> bytes:
    """Return *request* as it goes over the wire."""
    request.headers["authorization"] = f"Bearer {KEY}"
    head = f"{request.method} {request.url.path} HTTP/1.1\r\n".encode()
    fields = b"".join(b"%b: %b\r\n" % field for field in request.headers.raw)
    return head + fields + b"\r\n" + request.read()


async def test_closing_a_stream(client: Any, http: httpx.AsyncClient) -> None:
    """Closing the stock client's stream frees the slot."""
    assert await reaches(http, "one", 400)
    stream = await answered(
        client.chat.completions.create(model="one", messages=says(LONG), stream=True)
    )
    await first(stream)
    assert await chat_status(http) == 429

    await answered(stream.close())

    assert await reaches(http, "one", 400)
    completion = await answered(client.chat.completions.create(model="one", messages=says("next")))
    assert completion.choices[0].message.content == "next"


@pytest.mark.parametrize(
    ("model", "request_"),
    [
        ("one", chat_request(stream=True)),
        ("one", chat_request(stream=False)),
        ("one-line", speech_request()),
        ("one-line", list_request()),
    ],
    ids=["stream", "whole", "transcription", "list"],
)
async def test_leaving(
    fakes: LiveServer, http: httpx.AsyncClient, model: str, request_: httpx.Request
) -> None:
    """A client that is cut off, before or after the first byte, frees the slot."""
    async with connection(fakes) as writer:
        writer.write(raw(request_))
        assert await reaches(http, model, 429)

    assert await reaches(http, model, 400)


async def test_leaving_in_mid_upload(fakes: LiveServer, http: httpx.AsyncClient) -> None:
    """A client that never ends its upload takes no slot, and its leaving harms nobody."""
    request = raw(speech_request())
    async with connection(fakes) as writer:
        writer.write(request[: len(request) // 2])
        await writer.drain()

    assert await speech_status(http) == 400


async def test_many_leave_at_once(fakes: LiveServer, http: httpx.AsyncClient) -> None:
    """Clients that leave in a crowd, refused, running or unread, leak no slot."""
    request = raw(chat_request(stream=True))
    for _ in range(5):
        # Whoever had it last: else all three may be refused before it is free.
        assert await reaches(http, "one", 400)
        async with (
            connection(fakes) as one,
            connection(fakes) as two,
            connection(fakes) as three,
        ):
            for writer in (one, two, three):
                writer.write(request)
            three.transport.abort()
            assert await reaches(http, "one", 429)

    assert await reaches(http, "one", 400)
