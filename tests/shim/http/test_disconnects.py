"""CancelOnDisconnect: what happens to work whose client leaves, and to work whose client stays."""

import asyncio
import logging
from typing import Any

import pytest

from shim.http.disconnects import CancelOnDisconnect

# Each test has a loop of its own: on the session's, engines of other tests are at work, and
# whether anything goes on afterwards could not be seen.
pytestmark = pytest.mark.asyncio(loop_scope="function")

START = {"type": "http.response.start", "status": 200, "headers": []}
PIECE = {"type": "http.response.body", "body": b"a", "more_body": True}
LAST = {"type": "http.response.body", "body": b"z", "more_body": False}
SCOPE: Any = {"type": "http", "method": "POST", "path": "/v1/x"}


class Connection:
    """A server's side of one request with a body in two parts, whose client leaves when told to.

    As servers do, it tells of a client that has left when the answer is complete, too.
    """

    def __init__(self, *, parts: int = 2) -> None:
        self._parts = iter(range(parts))
        self.left = asyncio.Event()
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        """Return the next part, then wait until the client leaves."""
        for part in self._parts:
            return {"type": "http.request", "body": b"x", "more_body": part == 0}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Keep *message*."""
        self.sent.append(message)
        if message == LAST:
            self.left.set()


class Work:
    """An application that reads its request, answers, and may not come to an end in between."""

    def __init__(self, *, stuck_after: int | None = None, reads: int = 2) -> None:
        self._answer = [START, PIECE, PIECE, LAST]
        self._stuck_after = stuck_after
        self._reads = reads
        self.stuck = asyncio.Event()
        self.ended = ""
        """How it ended."""

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        try:
            for _ in range(self._reads):
                await receive()
            for place, message in enumerate(self._answer):
                if place == self._stuck_after:
                    await self._never()
                await send(message)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.ended = "whole"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise

    async def _never(self) -> None:
        self.stuck.set()
        await asyncio.Event().wait()


def answering(app: Any, connection: Connection) -> asyncio.Task[None]:
    """Begin to answer."""

    async def answer() -> None:
        await CancelOnDisconnect(app)(SCOPE, connection.receive, connection.send)

    return asyncio.create_task(answer())


async def test_an_answer_for_who_stays() -> None:
    """It is complete, what follows upon it too, and nothing goes on afterwards."""
    connection, work = Connection(), Work()

    await answering(work, connection)

    assert connection.sent == [START, PIECE, PIECE, LAST]
    assert work.ended == "whole"
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("place", [0, 1, 3], ids=["before", "begun", "at its end"])
async def test_work_is_cancelled_for_who_leaves(
    place: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever the answer is: it ends there, in order, which the log tells."""
    caplog.set_level(logging.INFO)
    connection, work = Connection(), Work(stuck_after=place)
    running = answering(work, connection)
    await work.stuck.wait()

    connection.left.set()

    await running
    assert work.ended == "cancelled"
    assert connection.sent == [START, PIECE, PIECE, LAST][:place]
    assert caplog.messages == ["POST /v1/x: the client disconnected"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_has_left_already() -> None:
    """Work for a client that left before it began does not go on."""
    connection, work = Connection(), Work(stuck_after=0)
    connection.left.set()

    await answering(work, connection)

    assert work.ended == "cancelled"


async def test_who_leaves_in_mid_request() -> None:
    """To read what does not come is the application's affair: it is told, not cancelled."""
    connection = Connection(parts=1)
    connection.left.set()
    told: list[str] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        for _ in range(2):
            told.append((await receive())["type"])
            await asyncio.sleep(0)

    await answering(app, connection)

    assert told == ["http.request", "http.disconnect"]


async def test_an_unread_request() -> None:
    """Nobody is watched whose request was not read."""
    connection, work = Connection(), Work(reads=1)
    connection.left.set()

    await answering(work, connection)

    assert work.ended == "whole"


async def test_failures_pass_through() -> None:
    """What the work raises is raised, and nothing goes on afterwards."""

    async def broken(_scope: Any, receive: Any, _send: Any) -> None:
        for _ in range(2):
            await receive()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await answering(broken, Connection())

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("left", [False, True])
async def test_a_server_that_stops(*, left: bool) -> None:
    """It takes the work with it, and is told so, whether the client leaves at the time or not."""
    connection, work = Connection(), Work(stuck_after=1)
    running = answering(work, connection)
    await work.stuck.wait()

    if left:
        connection.left.set()
        # Until the one who waits has found out, but not the work.
        while not running.cancelling():  # noqa: ASYNC110
            await asyncio.sleep(0)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.ended == "cancelled"
