"""Admission: which requests run, wait and are refused, and how a slot becomes free."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shim.errors import DeadlineExceeded, QueueFull, RequestTooLong, ServerStopping, WaitTooLong
from shim.serving.admission import Admission
from shim.serving.deadline import DEADLINE, Deadline
from shim.serving.request_record import CURRENT, RequestRecord


async def words(*, log: list[str] | None = None) -> AsyncGenerator[str, None]:
    """Yield two words; append to *log* when closed."""
    try:
        yield "one"
        yield "two"
    finally:
        if log is not None:
            log.append("closed")


async def failing() -> AsyncGenerator[str, None]:
    """Yield a word, then fail."""
    yield "one"
    raise ValueError("broken")


async def test_items_pass_through() -> None:
    """Admitted items pass unchanged, and their slot is free afterwards."""
    admission = Admission(max_running=1, max_waiting=0)

    for _ in range(3):
        assert [word async for word in admission.admit(words())] == ["one", "two"]


async def test_a_full_queue_refuses() -> None:
    """If every slot is taken and none may wait, the next request is refused at once."""
    admission = Admission(max_running=1, max_waiting=0)
    first = admission.admit(words())
    await anext(first)

    with pytest.raises(QueueFull, match="0 requests are already waiting"):
        await anext(admission.admit(words()))

    await first.aclose()


async def test_waiting_in_order() -> None:
    """Requests that wait are admitted first come, first served."""
    admission = Admission(max_running=1, max_waiting=2)
    running = admission.admit(words())
    await anext(running)
    served: list[int] = []

    async def wait(number: int) -> None:
        served.extend([number async for _ in admission.admit(words())])

    async with asyncio.TaskGroup() as group:
        for number in (1, 2):
            group.create_task(wait(number))
        await running.aclose()

    assert served == [1, 1, 2, 2]


async def test_the_queue_is_bounded() -> None:
    """At most `max_waiting` requests wait; one that is cancelled makes room for another."""
    admission = Admission(max_running=1, max_waiting=1)
    running = admission.admit(words())
    await anext(running)
    waiting = asyncio.ensure_future(anext(admission.admit(words())))
    await asyncio.sleep(0)  # it takes its place in the queue
    with pytest.raises(QueueFull):
        await anext(admission.admit(words()))

    waiting.cancel()
    await asyncio.wait([waiting])

    next_one = asyncio.ensure_future(anext(admission.admit(words())))
    await running.aclose()
    assert await next_one == "one"


async def test_leaving_early_frees_the_slot() -> None:
    """A client that disconnects mid-stream does not keep its slot, and its engine is closed."""
    admission = Admission(max_running=1, max_waiting=0)
    log: list[str] = []
    first = admission.admit(words(log=log))
    await anext(first)

    await first.aclose()

    assert log == ["closed"]
    assert await anext(admission.admit(words())) == "one"


async def test_a_failure_frees_the_slot() -> None:
    """An engine that fails does not keep its slot."""
    admission = Admission(max_running=1, max_waiting=0)

    with pytest.raises(ValueError, match="broken"):
        _ = [word async for word in admission.admit(failing())]

    assert await anext(admission.admit(words())) == "one"


async def test_giving_up_while_waiting_takes_nothing() -> None:
    """A request that is cancelled in the queue neither starts its engine nor takes a slot."""
    admission = Admission(max_running=1, max_waiting=1)
    running = admission.admit(words())
    await anext(running)
    log: list[str] = []
    waiting = asyncio.ensure_future(anext(admission.admit(words(log=log))))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])
    await running.aclose()

    assert log == []
    assert await anext(admission.admit(words())) == "one"


async def test_few_start_in_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """If many requests get a slot at once, they start a few at a time, in order, between others."""
    now = 100.0
    monkeypatch.setattr("shim.serving.start_limiter.time.monotonic", lambda: now)
    admission = Admission(max_running=100, max_waiting=0)
    starts: list[int | None] = []

    async def starting(number: int) -> AsyncGenerator[str, None]:
        nonlocal now
        starts.append(number)
        now += 0.0015  # as long as vLLM takes to start one
        yield "one"

    async def consume(number: int) -> list[str]:
        return [word async for word in admission.admit(starting(number))]

    async def others() -> None:
        while len(starts) - starts.count(None) < 50:
            starts.append(None)
            await asyncio.sleep(0)

    await asyncio.gather(others(), *(consume(number) for number in range(50)))

    together = "".join(" " if number is None else "s" for number in starts).split()
    assert max(map(len, together)) <= 4
    assert [number for number in starts if number is not None] == list(range(50))


async def test_draining_ends_what_waits() -> None:
    """When the server stops, requests that wait are refused, and those that run go on."""
    admission = Admission(max_running=1, max_waiting=1)
    running = admission.admit(words())
    await anext(running)
    waiting = asyncio.ensure_future(anext(admission.admit(words())))
    await asyncio.sleep(0)

    admission.drain()

    with pytest.raises(ServerStopping):
        await waiting
    with pytest.raises(ServerStopping):
        await anext(admission.admit(words()))
    assert [word async for word in running] == ["two"]


async def test_stopping_ends_what_runs() -> None:
    """A request that waits for its engine is ended with an error, and its slot becomes free."""
    admission = Admission(max_running=1, max_waiting=0)
    running = await stuck(admission)

    admission.stop()

    with pytest.raises(ServerStopping):
        await running
    assert admission.running == 0


async def test_stopping_ends_what_is_sent() -> None:
    """A request that sends an item while the server stops is ended before the next item."""
    admission = Admission(max_running=1, max_waiting=0)
    running = admission.admit(words())
    await anext(running)

    admission.stop()

    with pytest.raises(ServerStopping):
        await anext(running)


async def test_a_client_that_leaves_meanwhile() -> None:
    """A request that its client cancels, too, stays cancelled."""
    admission = Admission(max_running=1, max_waiting=0)
    running = await stuck(admission)

    admission.stop()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def stuck(admission: Admission, *, batch: str | None = None) -> "asyncio.Task[list[str]]":
    """Return a task with a request, of a *batch* or not, that waits for its engine for ever."""
    reached = asyncio.Event()

    async def endless() -> AsyncGenerator[str, None]:
        yield "one"
        reached.set()
        await asyncio.Event().wait()

    async def consume() -> list[str]:
        record = RequestRecord()
        record.batch = batch
        CURRENT.set(record)  # in the context of this task alone
        return [word async for word in admission.admit(endless())]

    running = asyncio.create_task(consume())
    await reached.wait()
    return running


async def test_refused_clients_come_back_one_after_the_other() -> None:
    """Each refused client gets a later time, from the rate at which requests end."""
    admission = Admission(max_running=1, max_waiting=0)
    running = admission.admit(words())
    await anext(running)

    waits = [await refused(admission) for _ in range(5)]

    # No request has ended yet: the guess is ten a second, and a fifth is added.
    assert waits == sorted(waits)
    assert waits == pytest.approx([0.12, 0.24, 0.36, 0.48, 0.6], abs=0.05)


async def test_the_rate_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """If four requests end in a second, refused clients come back every 0.3 s, a fifth later."""
    now = 100.0
    monkeypatch.setattr("shim.serving.retry_schedule.time.monotonic", lambda: now)
    admission = Admission(max_running=1, max_waiting=0)
    for _ in range(8):
        running = admission.admit(words())
        await anext(running)
        now += 0.25
        await running.aclose()
    running = admission.admit(words())
    await anext(running)

    # The present busy period has just begun; in the last one a request took 0.25 s.
    waits = [await refused(admission) for _ in range(3)]

    assert waits == pytest.approx([0.3, 0.6, 0.9])


async def test_nobody_waits_longer_than_clients_honour() -> None:
    """Times beyond a minute are spread over the second half of that minute."""
    admission = Admission(max_running=1, max_waiting=0)
    running = admission.admit(words())
    await anext(running)

    waits = [await refused(admission) for _ in range(900)]

    assert max(waits) <= 60
    assert min(waits[700:]) >= 30


async def refused(admission: Admission) -> float:
    """Return after how many seconds the next refused client should come back."""
    with pytest.raises(QueueFull) as refusal:
        await anext(admission.admit(words()))
    return refusal.value.retry_after


async def test_several_slots() -> None:
    """As many requests run at the same time as there are slots."""
    admission = Admission(max_running=2, max_waiting=0)
    running = [admission.admit(words()) for _ in range(2)]
    assert [await anext(one) for one in running] == ["one", "one"]

    with pytest.raises(QueueFull):
        await anext(admission.admit(words()))

    for one in running:
        await one.aclose()


async def test_the_queue_can_shrink() -> None:
    """A new bound of the queue holds for the next request; those that wait already stay."""
    admission = Admission(max_running=1, max_waiting=1)
    running = admission.admit(words())
    await anext(running)
    waiting = asyncio.ensure_future(anext(admission.admit(words())))
    await asyncio.sleep(0)

    admission.max_waiting = 0

    with pytest.raises(QueueFull):
        await anext(admission.admit(words()))
    await running.aclose()
    assert await waiting == "one"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    """Return a clock that the test sets."""
    clock = Clock()
    for module in ("admission", "retry_schedule"):
        monkeypatch.setattr(f"shim.serving.{module}.time.monotonic", lambda: clock.now)
    return clock


class Clock:
    """The present time, in seconds."""

    now = 100.0


@contextmanager
def deadline(**times: float) -> Iterator[None]:
    """Give the requests of the block a deadline."""
    token = DEADLINE.set(Deadline(**times))
    try:
        yield
    finally:
        DEADLINE.reset(token)


async def queue(clock: Clock, *, ends: int, waiting: int) -> tuple[Admission, Any]:
    """Return a queue in which so many requests have ended, one a second, and so many wait."""
    admission = Admission(max_running=1, max_waiting=100)
    running = admission.admit(words())
    await anext(running)
    for _ in range(ends):
        following = admission.admit(words())
        waits = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)
        clock.now += 1
        await running.aclose()
        await waits
        running = following
    tasks = [asyncio.ensure_future(anext(admission.admit(words()))) for _ in range(waiting)]
    await asyncio.sleep(0)
    return admission, (running, tasks)


async def test_a_hopeless_wait(clock: Clock) -> None:
    """A request that would wait for twice its client's time is refused, and comes again in time."""
    admission, held = await queue(clock, ends=8, waiting=9)

    with deadline(answer_by=clock.now + 4), pytest.raises(WaitTooLong) as refusal:
        await anext(admission.admit(words()))

    # Its turn would come in 10 s, and the next slot for a refused client is free in 1.2 s.
    assert refusal.value.retry_after == pytest.approx(10 - 4 + 1.2)
    assert admission.waiting == 9
    await ended(held)


@pytest.mark.parametrize(("ends", "seconds"), [(8, 6), (7, 1)], ids=["doubtful", "not measured"])
async def test_a_doubtful_wait(clock: Clock, ends: int, seconds: float) -> None:
    """A request whose wait is not certain to be too long waits."""
    admission, held = await queue(clock, ends=ends, waiting=9)

    with deadline(answer_by=clock.now + seconds):
        waits = asyncio.ensure_future(anext(admission.admit(words())))
    await asyncio.sleep(0)

    assert admission.waiting == 10
    waits.cancel()
    await ended(held)


async def test_a_partly_idle_engine(clock: Clock) -> None:
    """While slots are free, the time between two ends says nothing of how long a queue takes."""
    admission = Admission(max_running=2, max_waiting=100)
    for _ in range(20):
        alone = admission.admit(words())
        await anext(alone)
        clock.now += 60
        await alone.aclose()
    running = [admission.admit(words()) for _ in range(2)]
    for items in running:
        await anext(items)

    with deadline(answer_by=clock.now + 1):
        waits = asyncio.ensure_future(anext(admission.admit(words())))
    await asyncio.sleep(0)

    assert admission.waiting == 1
    waits.cancel()


async def ended(held: tuple[AsyncGenerator[str, None], "list[asyncio.Future[str]]"]) -> None:
    """End the requests that a test has left in its queue."""
    running, waiting = held
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await running.aclose()


async def test_a_deadline_that_passes_in_the_queue() -> None:
    """A request that still waits at its deadline is dropped, and nothing is computed for it."""
    admission = Admission(max_running=1, max_waiting=1)
    running = admission.admit(words())
    await anext(running)
    log: list[str] = []

    with deadline(start_by=time.monotonic()), pytest.raises(DeadlineExceeded):
        await anext(admission.admit(words(log=log)))

    assert log == []
    assert admission.waiting == 0
    assert await anext(running) == "two"


async def test_a_deadline_after_the_start() -> None:
    """The deadline of a wait means nothing to a request that has its slot."""
    admission = Admission(max_running=1, max_waiting=0)

    with deadline(start_by=time.monotonic()):
        assert [word async for word in admission.admit(words())] == ["one", "two"]


async def test_a_request_that_takes_too_long() -> None:
    """The server's limit ends a request that waits for its engine, or in the queue."""
    admission = Admission(max_running=1, max_waiting=1)

    with deadline(end_by=time.monotonic() + 0.01):
        running = await stuck(admission)
        waiting = asyncio.ensure_future(anext(admission.admit(words())))

    for task in (waiting, running):
        with pytest.raises(RequestTooLong):
            await task
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_stream_that_takes_too_long() -> None:
    """The server's limit ends a request whose item is being sent before its next item."""
    admission = Admission(max_running=1, max_waiting=0)
    with deadline(end_by=time.monotonic()):
        items = admission.admit(words())
        await anext(items)
        while not admission._ended:  # noqa: ASYNC110 - until the timer has fired
            await asyncio.sleep(0)

        with pytest.raises(RequestTooLong):
            await anext(items)
    assert admission.running == 0


def line(
    admission: Admission, *, log: list[str] | None = None, name: str = "line"
) -> "asyncio.Task[list[str]]":
    """Return a task with a request of a batch, which appends its *name* to *log* when it runs."""

    async def noted() -> AsyncGenerator[str, None]:
        if log is not None:
            log.append(name)
        yield "one"

    async def consume() -> list[str]:
        record = RequestRecord()
        record.batch = "batch_1"
        CURRENT.set(record)  # in the context of this task alone
        return [word async for word in admission.admit(noted())]

    return asyncio.create_task(consume())


async def client(admission: Admission, *, log: list[str], name: str = "client") -> None:
    """Run a client's request, which appends its *name* to *log* when it has run."""
    _ = [word async for word in admission.admit(words())]
    log.append(name)


async def test_clients_go_first() -> None:
    """A free slot goes to the clients that wait, in order, and then to the lines of batches."""
    admission = Admission(max_running=1, max_waiting=2)
    running = admission.admit(words())
    await anext(running)
    log: list[str] = []
    lines = [line(admission, log=log, name=name) for name in ("line 1", "line 2")]
    await asyncio.sleep(0)
    clients = [client(admission, log=log, name=name) for name in ("client 1", "client 2")]
    waiting = asyncio.gather(*clients, *lines)
    await asyncio.sleep(0)

    await running.aclose()
    await waiting

    assert log == ["client 1", "client 2", "line 1", "line 2"]
    assert (admission.running, admission.waiting, admission.waiting_lines) == (0, 0, 0)


async def test_batches_fill_free_slots() -> None:
    """Lines of batches run where no client needs the slots."""
    admission = Admission(max_running=2, max_waiting=0)
    log: list[str] = []

    await asyncio.gather(*(line(admission, log=log) for _ in range(5)))

    assert len(log) == 5


async def test_batches_take_no_place() -> None:
    """As many clients run and wait as without batches, however many lines there are."""
    admission = Admission(max_running=1, max_waiting=1)
    held = await stuck(admission, batch="batch_1")
    lines = [line(admission) for _ in range(5)]
    log: list[str] = []
    clients = [asyncio.create_task(client(admission, log=log)) for _ in range(2)]
    await asyncio.sleep(0)

    assert (admission.waiting, admission.waiting_lines) == (2, 5)
    with pytest.raises(QueueFull):
        await anext(admission.admit(words()))
    held.cancel()
    await asyncio.gather(*clients, *lines)
    assert len(log) == 2


async def test_a_line_that_is_cancelled_with_its_slot() -> None:
    """A line that is cancelled just when it gets its slot leaves it to the next one."""
    admission = Admission(max_running=1, max_waiting=0)
    running = admission.admit(words())
    await anext(running)
    lines = [line(admission) for _ in range(3)]
    await asyncio.sleep(0)

    lines[0].cancel()  # it waits
    await running.aclose()
    lines[1].cancel()  # it has just got the slot
    await asyncio.wait(lines)

    assert [one.cancelled() for one in lines] == [True, True, False]
    assert admission.running == admission.waiting_lines == 0
    assert await anext(admission.admit(words())) == "one"


async def test_draining_ends_lines_that_wait() -> None:
    """When the server stops, lines of batches that wait are refused: they run after its start."""
    admission = Admission(max_running=1, max_waiting=0)
    running = admission.admit(words())
    await anext(running)
    waiting = line(admission)
    await asyncio.sleep(0)

    admission.drain()

    with pytest.raises(ServerStopping):
        await waiting
    await running.aclose()


async def test_more_slots() -> None:
    """Where slots are added, as many requests that wait begin at once."""
    admission = Admission(max_running=1, max_waiting=2)
    held = [await stuck(admission)]
    waiting = [asyncio.create_task(anext(admission.admit(words()))) for _ in range(2)]
    await asyncio.sleep(0)

    admission.resize(3)

    assert await asyncio.gather(*waiting) == ["one", "one"]
    held[0].cancel()
    await asyncio.wait(held)


async def test_fewer_slots() -> None:
    """Where slots are removed, what runs goes on, and nothing begins until few enough run."""
    admission = Admission(max_running=2, max_waiting=1)
    running = [admission.admit(words()) for _ in range(2)]
    for one in running:
        await anext(one)

    admission.resize(1)
    waiting = asyncio.create_task(anext(admission.admit(words())))
    await running[0].aclose()
    await asyncio.sleep(0)

    assert not waiting.done()
    assert admission.running == 1
    await running[1].aclose()
    assert await waiting == "one"
