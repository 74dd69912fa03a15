"""One request: what is sent, what comes back, and when another server is tried."""

import asyncio
import io
import logging
from contextlib import aclosing

import pytest

from backends.base import RemoteBody, RemoteRequest
from backends.failures import (
    BackendError,
    NoUpstream,
    UpstreamLost,
    UpstreamRefused,
    UpstreamTimeout,
)
from tests.backends.remote.scripted import (
    CHAT,
    END,
    OK,
    STREAM,
    Received,
    Script,
    Scripted,
    always,
    answer,
    chunk,
    ok,
    pooled,
    scripted,
    whole,
)

HTML = answer(502, b"<html>", "content-type: text/html")
BUSY = answer(429, b'{"error":{}}', "retry-after: 30")
OVERLOADED = answer(503, b'{"error":{}}')
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"
UNAUTHORISED = answer(401, b'{"error":{"message":"Incorrect API key provided: sk-secret"}}')


def closing(content: bytes) -> Script:
    """Return a script that writes *content* and closes the connection."""

    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        writer.close()

    return script


async def silence(_: Received, writer: asyncio.StreamWriter) -> None:
    """Answer nothing."""
    del writer
    await asyncio.Event().wait()


async def test_what_is_sent() -> None:
    """The server gets the client's bytes with its own name of the model, and its own key."""
    async with scripted(ok) as [server], pooled(server) as backend:
        head, body = await whole(backend)

    [received] = server.requests
    assert received.body == b'{"model":"theirs"}'
    assert "authorization: Bearer sk-secret\r\n" in received.head
    assert "sk-client" not in received.head
    assert "x-stainless-lang: python\r\n" in received.head
    assert "accept-encoding: identity\r\n" in received.head
    assert (head.status, head.upstream, head.attempts, body) == (200, server.url, 1, b"{}")


@pytest.mark.parametrize(
    "fault",
    [always(HTML), always(BUSY), always(OVERLOADED), closing(CUT), closing(b"")],
    ids=["html", "busy", "overloaded", "cut", "closed"],
)
async def test_another_server_is_tried(fault: Script) -> None:
    """A failure before the first byte of an answer is not seen, if another server answers."""
    async with scripted(fault, ok) as servers, pooled(*servers) as backend:
        # Ties are broken at random: the first server is chosen at least once.
        heads = [(await whole(backend))[0] for _ in range(24)]

    assert {head.status for head in heads} == {200}
    assert {head.upstream for head in heads} == {servers[1].url}
    assert {head.attempts for head in heads} <= {1, 2, 3}  # 3: a kept connection ended
    assert servers[0].requests


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (always(HTML), UpstreamRefused),
        (closing(CUT), UpstreamLost),
        (closing(b""), UpstreamLost),
        (silence, UpstreamTimeout),
        (always(UNAUTHORISED), UpstreamRefused),
        (always(answer(403, b'{"error":{}}')), UpstreamRefused),
        (always(answer(302, b"", "location: http://127.0.0.1:1/")), UpstreamRefused),
        (always(answer(404, b"no such page")), UpstreamRefused),
    ],
    ids=["html", "cut", "closed", "silent", "401", "403", "302", "404"],
)
async def test_the_only_server_fails(fault: Script, failure: type[BackendError]) -> None:
    """Without another server each fault has its failure, whose message names no key and no URL."""
    async with scripted(fault) as [server], pooled(server, read_seconds=0.1) as backend:
        with pytest.raises(failure) as failed:
            await whole(backend)

    assert "sk-" not in str(failed.value)
    assert "127.0.0.1" not in str(failed.value)


async def test_no_server_listens() -> None:
    """A refused connection is NoUpstream."""
    async with scripted(ok) as [server], pooled(server) as backend:
        await server.stop()
        with pytest.raises(NoUpstream):
            await whole(backend)


@pytest.mark.parametrize("status", [400, 404, 413, 422, 500])
async def test_an_error_is_passed_on(status: int) -> None:
    """A server's own error comes unchanged, is tried nowhere else, and ejects nobody."""
    body = b'{"error": {"message": "No", "extra": 1}}'
    fault = always(answer(status, body, "x-mark: 1"))
    async with scripted(fault, fault) as servers, pooled(*servers) as backend:
        answers = [await whole(backend) for _ in range(12)]

    assert {(head.status, head.attempts, text) for head, text in answers} == {(status, 1, body)}
    assert len({head.upstream for head, _ in answers}) == 2
    assert (b"x-mark", b"1") in answers[0][0].headers


async def test_retries_are_bounded() -> None:
    """A request is sent to three servers at most, and the last answer is passed on."""
    busy = always(answer(429, b'{"error":{}}'))
    async with scripted(busy, busy, busy, busy) as servers, pooled(*servers) as backend:
        head, _ = await whole(backend)

    assert (head.status, head.attempts) == (429, 3)


async def test_a_kept_connection_that_ends(caplog: pytest.LogCaptureFixture) -> None:
    """A server that closes a kept connection as a request comes gets the request once more."""

    async def script(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.number:
            writer.close()
        else:
            writer.write(OK)

    async with scripted(script) as [server], pooled(server) as backend:
        await whole(backend)
        head, _ = await whole(backend)

    assert (head.status, head.attempts) == (200, 2)
    assert "is out" not in caplog.text


async def test_events_come_whole() -> None:
    """The bytes of a stream are cut only after events, however they arrive."""
    first, second = b"data: 1\n\n", b"data: 2\r\n\r\n"
    go_on = asyncio.Event()

    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(first + second[:9]))
        await go_on.wait()
        writer.write(chunk(second[9:]) + chunk(b"data: [DONE]\n\n") + END)

    async with scripted(script) as [server], pooled(server) as backend:
        items = backend.send(CHAT)
        head, event = await anext(items), await anext(items)
        go_on.set()
        rest = [item async for item in items]

    assert getattr(head, "events", None) is True
    assert event == first
    assert (
        b"".join(item for item in rest if isinstance(item, bytes)) == second + b"data: [DONE]\n\n"
    )


async def test_a_stream_that_is_lost() -> None:
    """A server lost in mid-stream is UpstreamLost after the whole events; nobody else is tried."""
    script = closing(STREAM + chunk(b"data: 1\n\ndata: 2"))
    async with scripted(script, script) as servers, pooled(*servers) as backend:
        items = backend.send(CHAT)
        await anext(items)

        assert await anext(items) == b"data: 1\n\n"
        with pytest.raises(UpstreamLost):
            await anext(items)

    assert sum(len(server.requests) for server in servers) == 1


async def test_a_stream_that_is_lost_before_its_first_event() -> None:
    """A stream that ends before its first event is tried at another server."""
    sound = always(STREAM + chunk(b"data: 1\n\n") + END)
    async with scripted(closing(STREAM), sound) as servers, pooled(*servers) as backend:
        answers = [await whole(backend) for _ in range(4)]

    assert {text for _, text in answers} == {b"data: 1\n\n"}


@pytest.mark.parametrize(
    "lost",
    [
        closing(STREAM + chunk(b"data: 1\n\n")),
        always(STREAM + chunk(b'data: 1\n\ndata: {"error":{}}\n\ndata: [DONE]\n\n') + END),
        always(STREAM + chunk(b'event: error\ndata: {"type":"error"}\n\n') + END),
    ],
    ids=["cut", "error", "response"],
)
async def test_whole_streams(lost: Script) -> None:
    """With `whole_streams` a stream that fails anywhere is tried at another server."""
    text = b'data: {"text":"data: {\\"error\\""}\n\ndata: [DONE]\n\n'
    sound = always(STREAM + chunk(text[:5]) + chunk(text[5:]) + END)
    async with scripted(lost, sound) as servers, pooled(*servers, whole_streams=True) as backend:
        answers = [await whole(backend) for _ in range(24)]

    assert {answer for _, answer in answers} == {text}
    assert servers[0].requests


@pytest.mark.parametrize("begun", [b"", OK[:-2], STREAM], ids=["silent", "whole", "stream"])
async def test_a_server_that_hangs(begun: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """If a server answers no probes and sends nothing, its requests go to another one."""

    async def hanging(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        servers[0].lives = False
        await silence(received, writer)

    probes = {"probe_seconds": 0.02, "probe_timeout_seconds": 0.02}
    async with scripted(hanging, ok) as servers, pooled(*servers, **probes) as backend:
        async with asyncio.timeout(10):
            while not servers[0].requests:
                head, body = await whole(backend)

    assert (head.upstream, head.attempts, body) == (servers[1].url, 2, b"{}")
    assert "hangs: its 1 requests end" in caplog.text


@pytest.mark.parametrize("begun", [False, True], ids=["waiting", "streaming"])
async def test_leaving_closes_the_connection(*, begun: bool) -> None:
    """A client that leaves closes the connection to the server, before or in an answer."""

    async def script(received: Received, writer: asyncio.StreamWriter) -> None:
        if begun:
            writer.write(STREAM + chunk(b"data: 1\n\n"))
        await silence(received, writer)

    async with scripted(script) as [server], pooled(server) as backend:
        items = backend.send(CHAT)
        if begun:
            async with aclosing(items):
                await anext(items)
        else:
            waiting = asyncio.ensure_future(anext(items))
            while not server.requests:  # noqa: ASYNC110  the server has no event for it
                await asyncio.sleep(0.001)
            waiting.cancel()
            await asyncio.wait([waiting])

        await asyncio.wait_for(server.disconnected.wait(), 5)
        assert (await backend.ready()) is True


async def test_a_file_is_sent_again_from_its_beginning() -> None:
    """The second server gets all of a spooled form, with the model's name in its place."""
    size = 3 << 20
    body = RemoteBody(
        content=io.BytesIO(b"a" * size + b"NAME" + b"b" * size),
        size=2 * size + 4,
        name_start=size,
        name_end=size + 4,
        form="text",
    )
    request = RemoteRequest(path="/audio/transcriptions", body=body)
    async with scripted(always(OVERLOADED), ok) as servers, pooled(*servers) as backend:
        while not servers[0].requests:
            await whole(backend, request)

    for server in servers:
        assert server.requests[-1].body == b"a" * size + b"theirs" + b"b" * size


async def test_a_large_answer_is_not_kept_whole() -> None:
    """Of an answer over 4 MiB the beginning is yielded before the end has come."""
    go_on = asyncio.Event()
    size = 6 << 20

    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + bytes(size - 1))
        await go_on.wait()
        writer.write(b"!")

    async with scripted(script) as [server], pooled(server) as backend:
        items = backend.send(CHAT)
        await anext(items)
        beginning = await anext(items)
        go_on.set()
        rest = [item async for item in items]

    assert isinstance(beginning, bytes)
    assert len(beginning) < size
    assert len(beginning) + sum(len(item) for item in rest if isinstance(item, bytes)) == size


async def test_everywhere() -> None:
    """A manifest is asked of each server until one has it; else the client gets the 404."""
    missing = always(answer(404, b'{"error":{}}'))
    request = RemoteRequest(method="GET", path="/models/{model}/manifest/a", everywhere=True)
    async with scripted(missing, missing, ok) as servers:
        async with pooled(*servers) as backend:
            found, _ = await whole(backend, request)
        async with pooled(*servers[:2]) as backend:
            lost, _ = await whole(backend, request)

    assert (found.status, found.attempts) == (200, 3)
    assert (lost.status, lost.attempts) == (404, 2)
    assert servers[2].requests[0].head.startswith("GET /v1/models/theirs/manifest/a HTTP/1.1")


async def test_servers_that_differ(caplog: pytest.LogCaptureFixture) -> None:
    """At the start it is logged in what the servers differ, and which lacks the model."""
    first, second, third = Scripted(), Scripted(), Scripted()
    first.cards = b'{"data":[{"id":"theirs","max_model_len":1024,"root":"a"}]}'
    second.cards = b'{"data":[{"id":"theirs","max_model_len":2048,"root":"a"}]}'
    third.cards = b'{"data":[{"id":"other"}]}'
    for server in (first, second, third):
        await server.start()

    with caplog.at_level(logging.WARNING):
        async with pooled(first, second, third) as backend:
            length = backend.max_model_len

    lines = [record.getMessage() for record in caplog.records]
    assert length == 1024
    assert lines == [
        f"m: {third.url} does not list the model 'theirs'; it lists: other",
        f"m: the servers differ in max_model_len: {first.url} 1024, {second.url} 2048",
    ]
    for server in (first, second, third):
        await server.stop()
