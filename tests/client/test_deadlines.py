"""Requests for which there is no room or no time: refused before they are read, dropped, ended."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import connect, says
from tests.live import LiveServer, serving

CONFIG = """
[server]
deadline_seconds = 0.3
request_seconds = 1.0
[server.limits]
held_bytes = 1_000_000

[[models]]
id = "one"
backend = "fake"
source = "chat"
max_running = 1
max_waiting = 0
options = { seconds_per_item = 0.2 }

[[models]]
id = "queue"
backend = "fake"
source = "chat"
max_running = 1
options = { seconds_per_item = 0.2 }

[[models]]
id = "lines"
backend = "fake"
source = "speech"
max_running = 1
max_waiting = 0
options = { seconds_per_item = 0.2 }
"""

LONG = "word " * 30
"""Six seconds, of which the server allows one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve models of one slot, with limits on time."""
    file = tmp_path_factory.mktemp("deadlines") / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file)) as live:
        yield live


@pytest.fixture
async def client(server: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client, without retries."""
    async with connect("async", server) as client:
        yield client


@asynccontextmanager
async def occupied(client: Any, model: str) -> AsyncIterator[None]:
    """Hold the only slot of *model* by a stream that has begun."""
    if model == "lines":
        opening = client.audio.transcriptions.create(model=model, file=b"line\n" * 30, stream=True)
    else:
        opening = client.chat.completions.create(model=model, messages=says(LONG), stream=True)
    async with await opening as stream:
        await anext(stream)
        yield


async def refusal(
    server: LiveServer, head: str, begin: bytes = b"", *, size: int = 900_000
) -> tuple[int, dict[str, Any]]:
    """Send *head* and the beginning of a body of *size* bytes; return the status and the error."""
    url = httpx.URL(server.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        lines = [*head.splitlines(), "Host: localhost", f"Content-Length: {size}", "", ""]
        writer.write("\r\n".join(lines).encode() + begin)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.partition("content-length: ")[2].split()[0])
        assert 1 <= int(answer.partition("retry-after: ")[2].split()[0]) <= 60
        return int(answer.split()[1]), json.loads(await reader.readexactly(length))["error"]
    finally:
        writer.transport.abort()


async def test_a_full_queue_in_the_url(server: LiveServer, client: Any) -> None:
    """If the URL names a model whose queue is full, the body is not read."""
    async with occupied(client, "one"):
        status, error = await refusal(server, "POST /m/one/v1/chat/completions HTTP/1.1")

    assert (status, error["code"]) == (429, "rate_limit_exceeded")


async def test_a_full_queue_in_a_form(server: LiveServer, client: Any) -> None:
    """If a form names a model whose queue is full, its file is not read."""
    form = (
        b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nlines\r\n'
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    head = "POST /v1/audio/transcriptions HTTP/1.1\nContent-Type: multipart/form-data; boundary=b"
    async with occupied(client, "lines"):
        status, error = await refusal(server, head, form)

    assert (status, error["code"]) == (429, "rate_limit_exceeded")


async def test_no_room_for_a_body(server: LiveServer) -> None:
    """A body whose stated length is more than the memory for all bodies is not read."""
    head = "POST /v1/chat/completions HTTP/1.1\nContent-Type: application/json"

    status, error = await refusal(server, head, size=1_000_001)

    assert (status, error["code"]) == (429, "rate_limit_exceeded")


async def test_a_deadline_in_the_queue(server: LiveServer, client: Any) -> None:
    """A request that waits until its deadline gets a 504, and is not computed."""
    async with occupied(client, "queue"), httpx.AsyncClient(base_url=server.url) as http:
        body = {"model": "queue", "messages": says("a")}
        answer = await http.post("/v1/chat/completions", json=body)
        metrics = (await http.get("/metrics")).text

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert 'path="/v1/chat/completions",reason="deadline_exceeded"} 1.0' in metrics
    assert 'shim_requests_total{model="queue",route="chat",status="504"} 1.0' in metrics


async def test_a_whole_answer_that_takes_too_long(client: Any) -> None:
    """The server ends a request that takes longer than it allows."""
    with pytest.raises(openai.InternalServerError) as failure:
        await client.chat.completions.create(model="one", messages=says(LONG))

    assert (failure.value.status_code, failure.value.code) == (504, "request_timeout")


async def test_a_stream_that_takes_too_long(client: Any) -> None:
    """A stream that takes longer than the server allows ends with an error event."""
    stream = await client.chat.completions.create(model="one", messages=says(LONG), stream=True)

    with pytest.raises(openai.APIError) as failure:
        _ = [chunk async for chunk in stream]

    assert failure.value.code == "request_timeout"
