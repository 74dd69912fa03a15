"""A Shim in front of servers that fail: what its clients see, and what the servers notice."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from click.testing import CliRunner
from openai import AsyncOpenAI

from shim.cli import main
from tests.backends.remote.scripted import (
    STREAM,
    Received,
    Scripted,
    always,
    answer,
    chunk,
    ok,
    scripted,
)
from tests.live import KEY, LiveServer, serving

SAYS = [{"role": "user", "content": "one two three"}]
SECRET = "sk-upstream-secret"  # noqa: S105  it is sent to a script

FRONT = """
[server]
api_keys = ["{key}"]
[[models]]
id = "m"
backend = "remote"
upstreams = [{{ url = "{url}", key = "{secret}" }}]
[[models]]
id = "down"
backend = "remote"
upstreams = [{{ url = "http://127.0.0.1:9/v1" }}]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def behind() -> AsyncIterator[Scripted]:
    """Run a server whose script each test sets."""
    async with scripted(ok) as [server]:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def front(
    behind: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LiveServer]:
    """Serve a model on that server, and one on a server that does not run."""
    file = tmp_path_factory.mktemp("front") / "shim.toml"
    file.write_text(FRONT.format(key=KEY, url=behind.url, secret=SECRET))
    live = serving("--config", str(file))
    server = await asyncio.to_thread(live.__enter__)
    yield server
    await asyncio.to_thread(live.__exit__, None, None, None)


@pytest_asyncio.fixture(loop_scope="session")
async def client(front: LiveServer) -> AsyncIterator[AsyncOpenAI]:
    """Connect the stock client, which does not try again."""
    async with AsyncOpenAI(base_url=front.base_url, api_key=KEY, max_retries=0) as client:
        yield client


async def test_a_chat_that_is_lost(behind: Scripted, front: LiveServer) -> None:
    """A server lost in mid-stream: what came stays, then an error event and the end mark."""
    behind.script = _cut(b'data: {"choices":[]}\n\n')

    text = await _text(front, "/chat/completions", {"messages": SAYS, "stream": True})

    first, error, done, end = text.split("\n\n")
    assert first == 'data: {"choices":[]}'
    assert error.startswith('data: {"error":{"message":"A server of this model broke')
    assert '"type":"service_unavailable_error","param":null,"code":' in error
    assert (done, end) == ("data: [DONE]", "")


async def test_a_response_that_is_lost(behind: Scripted, front: LiveServer) -> None:
    """For a response the error is the event of that route, with the next number."""
    behind.script = _cut(b'event: x\ndata: {"type":"x","sequence_number":6}\n\n')

    text = await _text(front, "/responses", {"input": "one", "stream": True})

    _, error, end = text.split("\n\n")
    assert error.startswith('event: error\ndata: {"type":"error","sequence_number":7,')
    assert end == ""


async def test_a_large_answer_that_is_lost(behind: Scripted, front: LiveServer) -> None:
    """An answer that is no stream, and has begun, ends with its connection and before its end."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n"
    behind.script = _writes(head + bytes(8_000_000))

    with pytest.raises(httpx.RemoteProtocolError):
        await _text(front, "/embeddings", {"input": "one"})


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (answer(502, b"<html>", "content-type: text/html"), 502, "bad_upstream"),
        (answer(401, b'{"error":{"message":"no sk-upstream-secret"}}'), 502, "bad_upstream"),
        (answer(429, b'{"error":{"code":"x"}}', "retry-after: 0"), 429, "x"),
    ],
    ids=["html", "key", "busy"],
)
async def test_errors(
    behind: Scripted, client: AsyncOpenAI, content: bytes, status: int, code: str
) -> None:
    """The stock client gets an error of OpenAI's shape, whatever the server sends."""
    behind.script = always(content)

    with pytest.raises(openai.APIStatusError) as failed:
        await client.chat.completions.create(model="m", messages=SAYS)  # type: ignore[arg-type]

    assert (failed.value.status_code, failed.value.code) == (status, code)
    assert SECRET not in failed.value.response.text


async def test_a_client_that_leaves(behind: Scripted, front: LiveServer) -> None:
    """A client that disconnects closes the connection to the server, which can abort the work."""

    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(b"data: 1\n\n"))
        await asyncio.Event().wait()

    behind.script = script
    behind.disconnected.clear()
    headers = {"authorization": f"Bearer {KEY}"}
    body = {"model": "m", "messages": SAYS, "stream": True}
    async with httpx.AsyncClient(base_url=front.base_url, headers=headers) as http:
        async with http.stream("POST", "/chat/completions", json=body) as stream:
            assert await anext(stream.aiter_raw()) == b"data: 1\n\n"

        await asyncio.wait_for(behind.disconnected.wait(), 10)


async def test_ids_and_traces_pass(behind: Scripted, client: AsyncOpenAI) -> None:
    """The request's id and its trace context reach the server, and its id the client."""
    behind.script = always(answer(200, b"{}", "x-request-id: theirs", "x-mark: 1"))
    sent = {"x-request-id": "mine", "traceparent": "00-a-b-01", "tracestate": "c=d"}

    raw = await client.chat.completions.with_raw_response.create(
        model="m",
        messages=SAYS,  # type: ignore[arg-type]
        extra_headers=sent,
    )

    head = behind.requests[-1].head
    assert all(f"{name}: {value}\r\n" in head for name, value in sent.items())
    assert raw.headers["x-request-id"] == "mine"
    assert raw.headers["x-upstream-request-id"] == "theirs"
    assert raw.headers["x-mark"] == "1"


async def test_an_id_of_our_own_passes(behind: Scripted, client: AsyncOpenAI) -> None:
    """The id that a request without one gets is the same in both directions."""
    behind.script = ok

    raw = await client.chat.completions.with_raw_response.create(
        model="m",
        messages=SAYS,  # type: ignore[arg-type]
    )

    assert f"x-request-id: {raw.headers['x-request-id']}\r\n" in behind.requests[-1].head


async def test_a_model_whose_server_is_down(front: LiveServer, client: AsyncOpenAI) -> None:
    """A server that did not run at the start makes its model not ready, and refuses for now."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as http:
        ready = await http.get(f"{front.url}/ready")
    with pytest.raises(openai.InternalServerError) as failed:
        await client.chat.completions.create(model="down", messages=SAYS)  # type: ignore[arg-type]

    assert ready.json()["models"] == {"m": True, "down": False}
    assert failed.value.status_code == 503
    assert int(failed.value.response.headers["retry-after"]) >= 1


def test_check_shows_no_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`shim check` prints the URLs of the upstreams and no key, also for a faulty setting."""
    file = tmp_path / "shim.toml"
    text = FRONT.format(key=KEY, url="http://h/v1", secret=SECRET)
    outputs = []
    with caplog.at_level(logging.DEBUG):
        for config in (
            text,
            text.replace("http://h/v1", "ftp://h"),
            text.replace("key =", "keyy ="),
        ):
            file.write_text(config)
            outputs.append(CliRunner().invoke(main, ["check", "--config", str(file)]).output)

    assert "remote:http://h/v1" in outputs[0]
    assert "upstreams[0].url" in outputs[1]
    assert "keyy" in outputs[2]
    assert SECRET not in "".join(outputs) + caplog.text


def _cut(data: bytes) -> Any:
    return _writes(STREAM + chunk(data) + chunk(b"data: half"))


def _writes(content: bytes) -> Any:
    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        writer.close()

    return script


async def _text(front: LiveServer, path: str, body: dict[str, Any]) -> str:
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=front.base_url, headers=headers) as http:
        return (await http.post(path, json={"model": "m", **body})).text
