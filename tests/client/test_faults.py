"""Faults that a client orders by `x-shim-fault`, as the stock client and as bytes see them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.client.raw import BODY, connecting, request
from tests.client.stock import collected, connect, says
from tests.live import KEY, LiveServer, serving

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
allow_faults = true

[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = 4
"""

CHAT = {"model": "echo", "messages": says("one two three")}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file for the server's log."""
    return tmp_path_factory.mktemp("faulty") / "log"


@pytest.fixture(scope="module")
def faulty(log: Path) -> Iterator[LiveServer]:
    """Serve a fake model, with faults allowed."""
    config = log.with_name("shim.toml")
    config.write_text(CONFIG)
    with log.open("w") as stderr, serving("--config", str(config), stderr=stderr) as live:
        yield live


@pytest.fixture
async def direct(faulty: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Send requests that are not retried."""
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=faulty.base_url, headers=headers, timeout=20) as client:
        yield client


async def posted(client: httpx.AsyncClient, fault: str, **more: object) -> httpx.Response:
    """Return the answer to a chat with *fault*."""
    return await client.post(
        "chat/completions", json={**CHAT, **more}, headers={"x-shim-fault": fault}
    )


async def streamed(client: httpx.AsyncClient, fault: str, pieces: list[bytes]) -> None:
    """Add to *pieces* what arrives of a streamed chat with *fault*."""
    headers, body = {"x-shim-fault": fault}, {**CHAT, "stream": True}
    async with client.stream("POST", "chat/completions", json=body, headers=headers) as answer:
        async for piece in answer.aiter_bytes():
            pieces.append(piece)  # noqa: PERF401  kept also where the stream breaks


async def chat(server: LiveServer, fault: str, **more: Any) -> None:
    """Read the answer to a chat with *fault* to its end, by the stock client without retries."""
    async with connect("async", server) as client:
        header = {"x-shim-fault": fault}
        answer = await client.chat.completions.create(**CHAT, **more, extra_headers=header)
        if more.get("stream"):
            await collected(answer)


def written(log: Path) -> str:
    """Return what is in *log* by now."""
    return log.read_text()


async def test_a_retry_succeeds(faulty: LiveServer) -> None:
    """A fault of the first attempts only: the stock client waits, and gets its answer."""
    client = connect("async", faulty, max_retries=2)
    fault = {"x-shim-fault": "status=429; retry-after=0.01; attempts=2"}

    answer = await client.chat.completions.with_raw_response.create(**CHAT, extra_headers=fault)

    await client.close()
    assert answer.retries_taken == 2
    assert answer.parse().choices[0].message.content == "one two three"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (503, "service_unavailable_error", "server_is_overloaded"),
        (500, "server_error", None),
        (418, "invalid_request_error", None),
    ],
)
async def test_a_status(
    direct: httpx.AsyncClient, status: int, kind: str, code: str | None
) -> None:
    """An ordered error has OpenAI's shape, the type and code that it really has, and says why."""
    answer = await posted(direct, f"status={status}; retry-after=2")

    assert (answer.status_code, answer.headers["retry-after"]) == (status, "2")
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == (kind, code)
    assert "x-shim-fault" in error["message"]


async def test_without_retry_after(direct: httpx.AsyncClient) -> None:
    """Without `retry-after` the client has to know by itself when to come again."""
    answer = await posted(direct, "status=503")

    assert "retry-after" not in answer.headers


async def test_a_disconnect_before_the_answer(direct: httpx.AsyncClient) -> None:
    """The connection ends without a byte."""
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await posted(direct, "disconnect")


async def test_a_disconnect_in_a_stream(direct: httpx.AsyncClient) -> None:
    """The events before it arrive, then the connection ends without the end of the body."""
    events: list[bytes] = []

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await streamed(direct, "disconnect; after=2", events)

    assert b"".join(events).count(b"\n\n") == 2


async def test_a_disconnect_in_an_answer(faulty: LiveServer) -> None:
    """Of an answer that is not streamed that many bytes arrive, fewer than its head states."""
    async with connecting(faulty) as connect_raw:
        raw = await connect_raw()
        raw.send(request(BODY, "x-shim-fault: disconnect; after=5"))

        head, _, body = (await raw.ended()).partition(b"\r\n\r\n")

    assert b"content-length: " in head
    assert len(body) == 5


@pytest.mark.parametrize(
    ("fault", "events", "end"),
    [
        ("cut; after=2", 2, b"\n\n"),
        ("cut-event; after=2", 2, b""),
        ("cut", 0, b""),
        ("cut; after=1000", 6, b"[DONE]\n\n"),
    ],
)
async def test_a_cut_stream(direct: httpx.AsyncClient, fault: str, events: int, end: bytes) -> None:
    """The body ends as HTTP demands, early: after an event, or in the middle of one."""
    answer = await posted(direct, fault, stream=True)

    assert answer.status_code == 200
    assert answer.content.count(b"\n\n") == events
    assert answer.content.endswith(end)
    assert (answer.content.rpartition(b"\n\n")[2] != b"") == fault.startswith("cut-event")


async def test_a_cut_answer(direct: httpx.AsyncClient) -> None:
    """An answer that is not streamed has that many bytes, and says so."""
    answer = await posted(direct, "cut; after=7")

    assert (len(answer.content), answer.headers["content-length"]) == (7, "7")


@pytest.mark.parametrize("stream", [False, True])
async def test_malformed_json(faulty: LiveServer, *, stream: bool) -> None:
    """The stock client cannot decode it."""
    with pytest.raises(json.JSONDecodeError):
        await chat(faulty, "malformed", stream=stream)


async def test_a_trickle(direct: httpx.AsyncClient) -> None:
    """The body arrives slowly, and whole: a time-out for each read does not end it."""
    loop = asyncio.get_running_loop()
    direct.timeout = httpx.Timeout(0.3)
    begun = loop.time()

    answer = await posted(direct, "trickle=1000")

    assert answer.json()["choices"][0]["message"]["content"] == "one two three"
    assert loop.time() - begun > 0.9 * len(answer.content) / 1000 > 0.3


@pytest.mark.parametrize("fault", ["stall=0.15", "stall=0.15; after=3", "stall=0.15; after=1000"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_stall(direct: httpx.AsyncClient, fault: str, *, stream: bool) -> None:
    """Nothing arrives for that long: before the answer, within it, or before its end."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    answer = await posted(direct, fault, stream=stream)

    assert "three" in answer.text
    assert loop.time() - begun >= 0.15


@pytest.mark.parametrize("fault", ["stall=600", "stall=600; after=1", "trickle=1"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_a_stall(
    faulty: LiveServer, direct: httpx.AsyncClient, fault: str, *, stream: bool
) -> None:
    """A stall ends when its client disconnects: four of them do not take the four slots."""
    url, headers, late = faulty.base_url, direct.headers, httpx.Timeout(20, read=0.1)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=late) as leaving:
        left = await asyncio.gather(
            *(posted(leaving, fault, stream=stream) for _ in range(4)), return_exceptions=True
        )

    assert {*map(type, left)} == {httpx.ReadTimeout}
    assert (await posted(direct, "stall=0")).status_code == 200


async def test_a_share_of_the_requests(direct: httpx.AsyncClient) -> None:
    """With a rate, some requests have the fault and others do not."""
    answers = [await posted(direct, "status=503; rate=0.5") for _ in range(40)]

    assert {answer.status_code for answer in answers} == {200, 503}


@pytest.mark.parametrize(
    "fault",
    [
        "",
        "nonsense",
        "status=200",
        "status=600",
        "status=429; after=2",
        "stall=601",
        "stall=nan",
        "stall=-1",
        "stall=null",
        "stall",
        "disconnect=false",
        "disconnect; retry-after=1",
        "disconnect; stall=1",
        "trickle=0",
        "malformed; rate=2",
        "malformed; malformed",
        "malformed; nonsense=1",
    ],
)
async def test_what_is_not_a_fault(direct: httpx.AsyncClient, fault: str) -> None:
    """Anything that the grammar does not have, or beyond its bounds, is a 400 that names it."""
    answer = await posted(direct, fault)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("x-shim-fault")


async def test_a_wrong_count(direct: httpx.AsyncClient) -> None:
    """A count of attempts that is not a number is a 400."""
    headers = {"x-shim-fault": "disconnect; attempts=1", "x-stainless-retry-count": "first"}

    answer = await direct.post("chat/completions", json=CHAT, headers=headers)

    assert answer.json()["error"]["param"] == "x-stainless-retry-count"


async def test_a_key_is_needed(faulty: LiveServer, direct: httpx.AsyncClient) -> None:
    """Without the key there is no fault, and none on routes that need no key."""
    async with httpx.AsyncClient(base_url=faulty.base_url, timeout=5) as keyless:
        refused = await posted(keyless, "stall=600")
        health = await keyless.get(f"{faulty.url}/health", headers={"x-shim-fault": "stall=600"})
    listed = await direct.get("models", headers={"x-shim-fault": "status=503"})

    assert (refused.status_code, health.status_code, listed.status_code) == (401, 400, 503)


async def test_where_faults_are_not_allowed(http: httpx.AsyncClient) -> None:
    """A server that does not allow faults refuses the header: a client must not believe in one."""
    answer = await posted(http, "status=503")

    assert answer.status_code == 400
    assert "allow_faults" in answer.json()["error"]["message"]


async def test_the_log_is_quiet(faulty: LiveServer, direct: httpx.AsyncClient, log: Path) -> None:
    """A connection that is closed on purpose is not an error in the log."""
    for fault in ("disconnect", "disconnect; after=1"):
        with pytest.raises(openai.APIConnectionError):
            await chat(faulty, fault)
    await chat(faulty, "cut; after=1", stream=True)

    # A status of 500 is logged at every level, after all that came before it.
    marked = {"x-shim-fault": "status=500", "x-request-id": "the-last"}
    await direct.get("models", headers=marked)
    while "the-last" not in (text := written(log)):
        await direct.get("models")
    assert "ASGI" not in text
