"""Presence: what happens to work whose client leaves, and to work whose client stays."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from litestar import Request
from litestar.testing import RequestFactory

from shim.errors import ClientGone
from shim.presence import collected, while_present


def request(left: asyncio.Event) -> Request[Any, Any, Any]:
    """Return a request whose client disconnects when *left* is set."""

    async def receive() -> Any:
        await left.wait()
        return {"type": "http.disconnect"}

    return Request(RequestFactory().get("/").scope, receive=receive)


class Numbers:
    """Yields 1 and 2; then, if *endless*, nothing for ever."""

    def __init__(self, *, endless: bool) -> None:
        self._endless = endless
        self.running = asyncio.Event()
        self.closed = asyncio.Event()

    async def generate(self) -> AsyncGenerator[int, None]:
        """Begin."""
        try:
            self.running.set()
            yield 1
            yield 2
            if self._endless:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


async def test_work_is_done_for_who_stays() -> None:
    """The result is returned, and its generator closed."""
    numbers = Numbers(endless=False)

    found = await while_present(request(asyncio.Event()), collected(numbers.generate()))

    assert found == [1, 2]
    assert numbers.closed.is_set()


async def test_work_is_cancelled_for_who_leaves() -> None:
    """When the client leaves, the generator is closed before ClientGone is raised."""
    numbers, left = Numbers(endless=True), asyncio.Event()
    waiting = asyncio.ensure_future(while_present(request(left), collected(numbers.generate())))
    await numbers.running.wait()

    left.set()

    with pytest.raises(ClientGone):
        await waiting
    assert numbers.closed.is_set()


async def test_who_has_left_already() -> None:
    """Work for a client that left before it began does not go on."""
    numbers, left = Numbers(endless=True), asyncio.Event()
    left.set()

    with pytest.raises(ClientGone):
        await while_present(request(left), collected(numbers.generate()))

    assert numbers.running.is_set() == numbers.closed.is_set()


async def test_failures_pass_through() -> None:
    """What the work raises is raised."""

    async def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await while_present(request(asyncio.Event()), broken())


async def test_being_cancelled_oneself() -> None:
    """A server that stops takes the work with it."""
    numbers = Numbers(endless=True)
    work = while_present(request(asyncio.Event()), collected(numbers.generate()))
    waiting = asyncio.ensure_future(work)
    await numbers.running.wait()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert numbers.closed.is_set()
