"""Single flight at the level of ASGI: which work goes on without a client, and until when."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from shim.http import flights
from shim.http.disconnects import CancelOnDisconnect
from shim.http.flights import Flights
from shim.http.single_flight import SingleFlight

pytestmark = pytest.mark.asyncio(loop_scope="function")

LATE, EARLY = b"0.001", b"600"
"""Time-outs of clients: the one has passed when they disconnect, the other has not."""


class Server:
    """An application whose answers come when `go` is set, behind single flight."""

    def __init__(self, *, status: int = 200, body: bytes = b"answer") -> None:
        self.results: Counter[str] = Counter()
        self.flights = Flights(lambda result: self.results.update([result]))
        self.app = SingleFlight(CancelOnDisconnect(self._work), self.flights)
        self.go = asyncio.Event()
        self.begun = self.cancelled = 0
        self._status, self._body = status, body

    async def _work(self, _scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        await send({"type": "http.response.start", "status": self._status, "headers": []})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


class Client:
    """One attempt of a client, which can disconnect."""

    def __init__(self, server: Server, *, timeout: bytes = LATE, attempt: int = 0) -> None:
        headers = [
            (b"x-stainless-read-timeout", timeout),
            (b"x-stainless-retry-count", b"%d" % attempt),
        ]
        scope: Any = {"type": "http", "method": "POST", "path": "/x", "query_string": b""}
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._events.put_nowait({"type": "http.request", "body": b"{}", "more_body": False})
        self.got: list[Any] = []
        app = server.app({**scope, "headers": headers}, self._events.get, self._send)
        self.task = asyncio.ensure_future(app)

    async def _send(self, message: Any) -> None:
        self.got.append(message)

    def disconnect(self) -> None:
        """Disconnect."""
        self._events.put_nowait({"type": "http.disconnect"})

    @property
    def how(self) -> bytes | None:
        """The header by which the answer says where it comes from."""
        return dict(self.got[0]["headers"]).get(b"x-shim-single-flight")


async def turns() -> None:
    """Let all tasks run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


async def gone(server: Server, **attempt: Any) -> Client:
    """Return a client that has disconnected."""
    client = Client(server, **attempt)
    await turns()
    client.disconnect()
    await turns()
    return client


async def test_a_client_that_stays() -> None:
    """A client that stays gets its own answer, and nothing is kept."""
    server = Server()
    client = Client(server)
    server.go.set()

    await client.task

    assert [client.how, client.got[1]["body"]] == [None, b"answer"]
    assert not server.results


async def test_a_client_that_gives_up() -> None:
    """Work whose client disconnects before its time-out is cancelled at once."""
    server = Server()

    await gone(server, timeout=EARLY)

    assert server.cancelled == 1


@pytest.mark.parametrize("late", [True, False])
async def test_a_retry(*, late: bool) -> None:
    """A retry gets the answer, complete or not, from the one computation."""
    server = Server()
    first = await gone(server)
    if late:
        server.go.set()
        await first.task

    retry = Client(server, attempt=1)
    await turns()
    server.go.set()
    await retry.task

    assert (retry.how, retry.got[1]["body"]) == (b"replayed" if late else b"joined", b"answer")
    assert (server.begun, first.got) == (1, [])


async def test_a_retry_that_times_out_too() -> None:
    """The next retry gets the answer, and the work still is the first."""
    server = Server()
    await gone(server)
    await gone(server, attempt=1)

    last = Client(server, attempt=2)
    await turns()
    server.go.set()
    await last.task

    assert (last.how, server.begun) == (b"joined", 1)


async def test_a_retry_that_gives_up() -> None:
    """Work is cancelled if the retry that waits for it disconnects before its time-out."""
    server = Server()
    await gone(server)

    await gone(server, attempt=1, timeout=EARLY)

    assert server.cancelled == 1


async def test_two_retries() -> None:
    """Two equal requests whose clients time out are two computations, and two answers."""
    server = Server()
    clients = [Client(server) for _ in range(2)]
    await turns()
    for client in clients:
        client.disconnect()
    await turns()

    retries = [Client(server, attempt=1) for _ in range(2)]
    await turns()
    server.go.set()
    await asyncio.gather(*(retry.task for retry in retries))

    assert [retry.how for retry in retries] == [b"joined", b"joined"]
    assert server.begun == 2


async def test_nobody_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work for which no retry comes within the window is cancelled."""
    monkeypatch.setattr(flights, "_WINDOW", 0.0)
    server = Server()

    first = await gone(server)
    await first.task

    assert (server.cancelled, server.results["expired"]) == (1, 1)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_failures_are_not_kept(status: int) -> None:
    """A retry after a failure is computed anew."""
    server = Server(status=status)
    first = await gone(server)
    server.go.set()
    await first.task

    retry = Client(server, attempt=1)
    await retry.task

    assert (server.begun, retry.how) == (2, None)


async def test_large_answers_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes too much memory is computed anew for the retry."""
    monkeypatch.setattr(flights, "_ANSWER_BYTES", 5)
    server = Server()
    first = await gone(server)
    server.go.set()
    await first.task

    retry = Client(server, attempt=1)
    await retry.task

    assert server.begun == 2
