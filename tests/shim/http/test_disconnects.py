"""Work whose client disconnects is cancelled, other work is not."""

import asyncio
from typing import Any

import pytest

from shim.http.disconnects import CancelOnDisconnect
from shim.serving.request_record import CURRENT, RequestRecord

# Each test has an event loop of its own: on the session's loop other tests' engines run tasks, and
# the tests could not see whether a task is left over.
pytestmark = pytest.mark.asyncio(loop_scope="function")

START = {"type": "http.response.start", "status": 200, "headers": []}
PIECE = {"type": "http.response.body", "body": b"a", "more_body": True}
LAST = {"type": "http.response.body", "body": b"z", "more_body": False}
SCOPE: Any = {"type": "http", "method": "POST", "path": "/v1/x"}


class Connection:
    """The server's side of one request, whose body has two parts.

    The event `disconnected` is the client's end. As servers do, this one reports a disconnect after
    a complete answer too.
    """

    def __init__(self, *, parts: int = 2) -> None:
        self._parts = iter(range(parts))
        self.disconnected = asyncio.Event()
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        """Return the next part; after the last, wait until the client disconnects."""
        for part in self._parts:
            return {"type": "http.request", "body": b"x", "more_body": part == 0}
        await self.disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Record *message*."""
        self.sent.append(message)
        if message == LAST:
            self.disconnected.set()


class Work:
    """An application that reads its request and answers, or waits for ever after some messages."""

    def __init__(self, *, stuck_after: int | None = None, reads: int = 2) -> None:
        self._answer = [START, PIECE, PIECE, LAST]
        self._stuck_after = stuck_after
        self._reads = reads
        self.stuck = asyncio.Event()
        self.ended = ""
        """How it ended: `whole` or `cancelled`."""

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        try:
            for _ in range(self._reads):
                await receive()
            for index, message in enumerate(self._answer):
                if index == self._stuck_after:
                    await self._wait_for_ever()
                await send(message)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.ended = "whole"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise

    async def _wait_for_ever(self) -> None:
        self.stuck.set()
        await asyncio.Event().wait()


def answering(app: Any, connection: Connection) -> asyncio.Task[None]:
    """Return a task in which *app* answers the request of *connection*."""

    async def answer() -> None:
        await CancelOnDisconnect(app)(SCOPE, connection.receive, connection.send)

    return asyncio.create_task(answer())


async def test_a_client_that_stays() -> None:
    """The answer is complete, the application runs to its end, and no task is left over."""
    connection, work = Connection(), Work()

    await answering(work, connection)

    assert connection.sent == [START, PIECE, PIECE, LAST]
    assert work.ended == "whole"
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("sent", [0, 1, 3], ids=["before", "begun", "at its end"])
async def test_a_client_that_disconnects(sent: int) -> None:
    """The work is cancelled before or during the answer; the request's record has status 499."""
    record = RequestRecord()
    CURRENT.set(record)
    connection, work = Connection(), Work(stuck_after=sent)
    running = answering(work, connection)
    await work.stuck.wait()

    connection.disconnected.set()

    await running
    assert work.ended == "cancelled"
    assert connection.sent == [START, PIECE, PIECE, LAST][:sent]
    assert (record.status, record.error) == (499, "client_gone")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_early_disconnect() -> None:
    """Work for a client that disconnected before it began is cancelled."""
    connection, work = Connection(), Work(stuck_after=0)
    connection.disconnected.set()

    await answering(work, connection)

    assert work.ended == "cancelled"


async def test_a_disconnect_within_the_request() -> None:
    """While it reads the request, the application gets the disconnect and is not cancelled."""
    connection = Connection(parts=1)
    connection.disconnected.set()
    types: list[str] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        for _ in range(2):
            types.append((await receive())["type"])
            await asyncio.sleep(0)

    await answering(app, connection)

    assert types == ["http.request", "http.disconnect"]


async def test_an_unread_request() -> None:
    """Work that has not read its whole request is not cancelled."""
    connection, work = Connection(), Work(reads=1)
    connection.disconnected.set()

    await answering(work, connection)

    assert work.ended == "whole"


async def test_exceptions_pass_through() -> None:
    """An exception of the work is raised, and no task is left over."""

    async def broken(_scope: Any, receive: Any, _send: Any) -> None:
        for _ in range(2):
            await receive()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await answering(broken, Connection())

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("disconnected", [False, True])
async def test_a_server_that_stops(*, disconnected: bool) -> None:
    """A server's cancellation is raised, even if the client disconnects at the same time."""
    connection, work = Connection(), Work(stuck_after=1)
    running = answering(work, connection)
    await work.stuck.wait()

    if disconnected:
        connection.disconnected.set()
        # Until the watch has seen the disconnect, but the work has not.
        while not running.cancelling():  # noqa: ASYNC110
            await asyncio.sleep(0)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.ended == "cancelled"
