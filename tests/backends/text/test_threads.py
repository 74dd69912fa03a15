"""Two texts are worked on at once, and the others wait in order; short ones need no thread."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from backends.text.threads import TextThreads

LONG = 1 << 20


@pytest.fixture
def threads() -> Iterator[TextThreads]:
    """Open threads for a model."""
    with TextThreads.opened("model") as opened:
        yield opened


async def test_short_texts_stay_on_the_loop(threads: TextThreads) -> None:
    """A job of at most 1,000 letters or tokens runs in the caller's thread."""
    here = threading.get_ident()

    assert await threads.run(threading.get_ident, size=1000) == here
    assert await threads.run(threading.get_ident, size=1001) != here


async def test_two_at_once_and_the_others_in_order(threads: TextThreads) -> None:
    """A third long text waits until one of two is done, and so does a fourth behind it."""
    begun, gate, both = [], threading.Semaphore(0), threading.Barrier(3)

    def job(number: int) -> None:
        begun.append(number)
        if number < 2:
            both.wait()
        gate.acquire()

    jobs = [asyncio.create_task(threads.run(lambda n=n: job(n), size=LONG)) for n in range(4)]
    await asyncio.to_thread(both.wait)
    waiting = list(begun)
    gate.release()
    await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    gate.release(3)
    await asyncio.gather(*jobs)

    assert sorted(waiting) == [0, 1]
    assert begun[2:] == [2, 3]


async def test_a_job_that_nobody_waits_for_never_runs(threads: TextThreads) -> None:
    """The text of a client that disconnects while it waits is not worked on."""
    gate, ran = threading.Event(), []
    running = [asyncio.create_task(threads.run(gate.wait, size=LONG)) for _ in range(2)]
    left = asyncio.create_task(threads.run(lambda: ran.append("left"), size=LONG))
    last = asyncio.create_task(threads.run(lambda: ran.append("last"), size=LONG))
    await asyncio.sleep(0)

    left.cancel()
    await asyncio.wait([left])
    gate.set()
    await asyncio.gather(*running, last)

    assert ran == ["last"]


async def test_a_failure_is_raised(threads: TextThreads) -> None:
    """From a thread as from the loop."""
    for size in (1, LONG):
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0, size=size)
