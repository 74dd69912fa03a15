"""Answers that are complete before their requests are."""

import asyncio
from collections.abc import AsyncIterator
from itertools import repeat
from typing import Any

import pytest

from shim.http import lingering_close
from shim.http.lingering_close import LingeringClose

HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
START = {"type": "http.response.start", "status": 401, "headers": HEADERS}
FIRST = {"type": "http.response.body", "body": b"n", "more_body": True}
LAST = {"type": "http.response.body", "body": b"o", "more_body": False}

CLOSING = {**START, "headers": [*HEADERS, (b"connection", b"close")]}
WITHHELD = {**LAST, "more_body": True}
END = {**LAST, "body": b""}

READ = "read"
DISCONNECT = {"type": "http.disconnect"}

LARGE = (b"content-length", b"500000000")
CHUNKED = (b"transfer-encoding", b"chunked")
EXPECT = (b"expect", b"100-continue")


def declared(size: int) -> tuple[bytes, bytes]:
    """Return the header of a body of *size* bytes."""
    return b"content-length", str(size).encode()


def part(size: int = 1, *, more: bool = True) -> dict[str, Any]:
    """Return a piece of a body of *size* bytes."""
    return {"type": "http.request", "body": bytes(size), "more_body": more}


async def endless() -> AsyncIterator[dict[str, Any]]:
    """Yield a body that arrives byte by byte and never ends."""
    while True:
        await asyncio.sleep(0)
        yield part()


class Connection:
    """The server's side of one request; it records reads and sent messages."""

    def __init__(self, *coming: Any) -> None:
        self._coming = iter(coming)
        self.record: list[Any] = []

    async def receive(self) -> Any:
        """Return the next event; after the last, wait for ever."""
        self.record.append(READ)
        for event in self._coming:
            return event
        return await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        """Record *message*."""
        self.record.append(message)

    async def exchange(self, *headers: tuple[bytes, bytes], reads: int = 0) -> list[Any]:
        """Return the record of a request whose application reads *reads* times, then answers."""

        async def app(_: Any, receive: Any, send: Any) -> None:
            for _ in range(reads):
                await receive()
            for message in (START, FIRST, LAST):
                await send(message)

        scope: Any = {"type": "http", "method": "POST", "headers": [(b"host", b"x"), *headers]}
        await LingeringClose(app)(scope, self.receive, self.send)
        return self.record


@pytest.mark.parametrize("headers", [[], [declared(0)]], ids=["undeclared", "empty"])
async def test_a_request_without_a_body(headers: list[Any]) -> None:
    """Without a body the application gets the server's own functions."""
    functions: list[Any] = []

    async def app(_: Any, *channels: Any) -> None:
        functions.extend(channels)

    server = Connection()
    scope: Any = {"type": "http", "headers": headers}
    await LingeringClose(app)(scope, server.receive, server.send)

    assert functions == [server.receive, server.send]


@pytest.mark.parametrize("header", [declared(2), LARGE, CHUNKED])
async def test_a_body_that_was_read(header: tuple[bytes, bytes]) -> None:
    """Once the whole body is read, the answer is not changed."""
    server = Connection(part(), part(more=False))

    assert await server.exchange(header, reads=2) == [READ, READ, START, FIRST, LAST]


async def test_an_early_disconnect() -> None:
    """After a disconnect nothing is drained."""
    server = Connection(part(), DISCONNECT)

    assert await server.exchange(LARGE, reads=2) == [READ, READ, START, FIRST, LAST]


@pytest.mark.parametrize("reads", [0, 1])
async def test_a_small_body(reads: int) -> None:
    """A small body is read before its refusal, so that the connection stays open."""
    server = Connection(part(), part(65_535, more=False))

    assert await server.exchange(declared(65_536), reads=reads) == [READ, READ, START, FIRST, LAST]


@pytest.mark.parametrize("ending", [part(more=False), DISCONNECT], ids=["complete", "disconnected"])
@pytest.mark.parametrize("headers", [[LARGE], [CHUNKED], [declared(2), EXPECT]])
async def test_an_early_answer(headers: list[Any], ending: dict[str, Any]) -> None:
    """The answer has `connection: close`; its end is sent when the body ends or the client does."""
    server = Connection(part(), ending)

    assert await server.exchange(*headers) == [CLOSING, FIRST, WITHHELD, READ, READ, END]


async def test_a_body_that_was_read_in_part() -> None:
    """The rest of a body whose beginning was read is drained too."""
    server = Connection(part(), part(), part(more=False))

    assert await server.exchange(LARGE, reads=2) == [
        READ,
        READ,
        CLOSING,
        FIRST,
        WITHHELD,
        READ,
        END,
    ]


async def test_a_body_without_an_end() -> None:
    """At most 64 MiB of a body are drained."""
    server = Connection(*repeat(part(1 << 20), 100))

    record = await server.exchange(LARGE)

    assert record == [CLOSING, FIRST, WITHHELD, *repeat(READ, 64), END]


@pytest.mark.parametrize("header", [LARGE, declared(2)], ids=["large", "small"])
async def test_a_client_that_pauses(
    monkeypatch: pytest.MonkeyPatch, header: tuple[bytes, bytes]
) -> None:
    """The server waits only so long for a client that pauses, before its answer too."""
    monkeypatch.setattr(lingering_close, "_PAUSE_SECONDS", 0.01)
    server = Connection(part())

    record = await server.exchange(header)

    assert [event for event in record if event != READ] == [CLOSING, FIRST, WITHHELD, END]


async def test_a_client_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends slowly and without end is cut off after some time."""
    monkeypatch.setattr(lingering_close, "_DRAIN_SECONDS", 0.01)
    server, body = Connection(), endless()
    monkeypatch.setattr(server, "receive", body.__anext__)

    assert await server.exchange(LARGE) == [CLOSING, FIRST, WITHHELD, END]


async def test_the_rest_is_read_while_answering() -> None:
    """An application may read the body after its answer began; then its end is not withheld."""

    async def app(_: Any, receive: Any, send: Any) -> None:
        await send(START)
        await receive()
        await send(LAST)

    server = Connection(part(more=False))
    scope: Any = {"type": "http", "headers": [CHUNKED]}
    await LingeringClose(app)(scope, server.receive, server.send)

    assert server.record == [CLOSING, READ, LAST]


async def test_a_broken_application() -> None:
    """An exception of the application reaches the server at once, without draining."""

    async def app(_: Any, __: Any, send: Any) -> None:
        await send(START)
        raise ValueError("broken")

    server = Connection()
    scope: Any = {"type": "http", "headers": [LARGE]}
    with pytest.raises(ValueError, match="broken"):
        await LingeringClose(app)(scope, server.receive, server.send)

    assert server.record == [CLOSING]
