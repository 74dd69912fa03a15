"""The watchdog itself: it sees what stops a loop, whoever does it, and nothing else."""

import asyncio
import time

import pytest
from tokenizers import Tokenizer

from tests.live import BUILTIN
from tests.watchdog import loop_watched, tried_again

# What runs on the loop that other tests share would be seen, too.
pytestmark = pytest.mark.asyncio(loop_scope="function")


def compute(seconds: float) -> None:
    """Use the CPU for *seconds* of its time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@tried_again
async def test_work_on_the_loop_is_a_stop() -> None:
    """What computes on the event loop stops it for as long."""
    async with loop_watched() as lag:
        compute(0.2)

    assert lag.longest > 0.15


@tried_again
async def test_another_thread_that_keeps_pythons_lock_is_a_stop() -> None:
    """So does a library that computes in a thread without releasing the lock."""
    tokenizer = Tokenizer.from_file(str(BUILTIN / "chat" / "tokenizer.json"))

    async with loop_watched() as lag:
        # Its `encode` does, unlike `encode_batch_fast`.
        await asyncio.to_thread(tokenizer.encode, "a" * 1_000_000)

    assert lag.longest >= 0.1


@tried_again
async def test_threads_that_take_turns_are_no_stop() -> None:
    """Nor is a loop that has nothing to do."""
    async with loop_watched() as lag:
        await asyncio.gather(asyncio.to_thread(compute, 0.2), asyncio.sleep(0.2))

    assert lag.longest < 0.1


@tried_again
async def test_a_call_that_blocks_is_a_stop() -> None:
    """The loop does not turn, whether the CPU works or not."""
    async with loop_watched() as lag:
        time.sleep(0.2)  # noqa: ASYNC251  as a read from a slow disk would

    assert lag.longest > 0.15


async def test_a_failure_inside_is_raised() -> None:
    """It is raised as it is, and the watch ends."""
    before = asyncio.all_tasks()

    with pytest.raises(ZeroDivisionError):
        async with loop_watched():
            raise ZeroDivisionError

    assert asyncio.all_tasks() == before
