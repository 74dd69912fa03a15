"""Which server gets a request, and who waits: health, pauses, places, weights."""

import asyncio
import logging
from collections import Counter
from contextlib import aclosing
from time import monotonic

import pytest

from backends.base import RemoteRequest
from backends.config import Upstream
from backends.failures import NoUpstream, UpstreamTimeout
from backends.remote.budget import RetryBudget
from backends.remote.pool import Pool
from backends.remote.upstream import UpstreamState
from tests.backends.remote.scripted import (
    CHAT,
    OK,
    Received,
    always,
    answer,
    ok,
    pooled,
    scripted,
    whole,
)


def states(*weights: float, most: int | None = None) -> list[UpstreamState]:
    """Return servers of these weights."""
    return [
        UpstreamState(Upstream(url=f"http://{name}", weight=weight, max_running=most), "m")
        for name, weight in zip("abc", weights, strict=False)
    ]


def pool(
    *weights: float, most: int | None = None, affinity: bool = False, longest_wait: float = 10
) -> Pool:
    """Return a pool of servers of these weights."""
    return Pool("m", states(*weights, most=most), affinity=affinity, longest_wait=longest_wait)


async def test_the_least_busy_for_its_weight() -> None:
    """Requests are divided by weight, and the first ones do not all go to the first server."""
    weighted = pool(1, 3)
    firsts = set()
    for _ in range(40):
        equal = pool(1, 1)
        firsts.add((await equal.take(b"")).name)

    taken = Counter([(await weighted.take(b"")).name for _ in range(40)])

    assert taken == {"http://a": 10, "http://b": 30}
    assert firsts == {"http://a", "http://b"}


async def test_the_same_beginning_goes_to_the_same_server() -> None:
    """With affinity a beginning has its server, until that has a quarter more than its part."""
    sticky = pool(1, 1, 1, affinity=True)
    names = set()
    for number in range(30):
        server = await sticky.take(b"%d" % number)
        names.add(server.name)
        sticky.release(server)
    alone = set()
    for _ in range(10):
        server = await sticky.take(b"prefix")
        alone.add(server.name)
        sticky.release(server)
    taken = Counter([(await sticky.take(b"prefix")).name for _ in range(30)])

    assert len(names) == 3
    assert len(alone) == 1
    assert max(taken.values()) <= 13


async def test_places_are_given_in_order() -> None:
    """With all places taken requests wait in order; one that leaves does not take a place."""
    small = pool(1, most=1)
    server = await small.take(b"")
    waiting = [asyncio.ensure_future(small.take(b"")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])

    small.release(server)
    await asyncio.sleep(0)

    assert waiting[1].done()
    assert not waiting[2].done()
    small.release(server)
    assert await waiting[2] is server
    assert server.outstanding == 1


async def test_a_place_given_to_one_that_leaves() -> None:
    """A place that a request gets in the moment in which it is cancelled goes to the next one."""
    small = pool(1, most=1)
    server = await small.take(b"")
    leaving, next_one = (asyncio.ensure_future(small.take(b"")) for _ in range(2))
    await asyncio.sleep(0)

    small.release(server)
    leaving.cancel()

    assert await next_one is server
    assert leaving.cancelled()
    assert server.outstanding == 1


async def test_a_long_pause_of_all() -> None:
    """If all servers want a pause that is too long to wait, the request is refused until then."""
    paused = pool(1, 1, longest_wait=5)
    for server in paused.servers:
        server.pause(20)

    with pytest.raises(NoUpstream) as refused:
        await paused.take(b"")

    assert refused.value.retry_after == pytest.approx(20, abs=1)


async def test_a_place_that_comes_too_late() -> None:
    """A request whose client has stopped waiting is dropped, and takes no place."""
    small = pool(1, most=1)
    server = await small.take(b"")

    with pytest.raises(UpstreamTimeout):
        await small.take(b"", start_by=monotonic() + 0.01)

    small.release(server)
    assert server.outstanding == 0


async def test_a_short_pause_is_waited_for() -> None:
    """If all servers want a short pause, a request waits for the end of the first one."""
    paused = pool(1, 1)
    paused.servers[0].pause(30)
    paused.servers[1].pause(0.02)

    assert await paused.take(b"") is paused.servers[1]


def test_a_server_that_returns_is_not_flooded() -> None:
    """After an ejection a server has one request, and with each good answer one more."""
    server, _ = states(1, 1)
    server.eject()
    server.outstanding = 1

    assert not server.has_place(0)
    server.succeeded()
    assert server.has_place(0)
    server.outstanding = 2
    assert not server.has_place(0)


def test_ejections_are_doubled() -> None:
    """Ejections last 5 s, doubled to 60 s, and 5 s again after a good answer."""
    server, _ = states(1, 1)

    assert [server.eject() for _ in range(5)] == [5, 10, 20, 40, 60]
    server.succeeded()
    assert server.eject() == 5


def test_the_last_one_is_never_ejected() -> None:
    """Servers are ejected one after the other, but for the last one."""
    both = pool(1, 1)
    for server in both.servers:
        both.failed(server, "it fails", unreachable=True)

    assert [server.is_in(0) for server in both.servers] == [False, True]


def test_the_budget() -> None:
    """Three retries at the start, then one for five requests, at most 103 at once."""
    budget = RetryBudget()
    at_once = [budget.spend() for _ in range(4)]
    for _ in range(10):
        budget.earn()
    later = [budget.spend() for _ in range(3)]
    for _ in range(10_000):
        budget.earn()

    assert at_once == [True, True, True, False]
    assert later == [True, True, False]
    assert sum(budget.spend() for _ in range(1000)) == 103


async def test_a_pause_is_heeded() -> None:
    """A server that answers with a Retry-After gets nothing more, and is not ejected."""
    busy = always(answer(429, b'{"error":{}}', "retry-after: 30"))
    async with scripted(busy, ok) as servers, pooled(*servers) as backend:
        while not servers[0].requests:
            await whole(backend)
        heads = [(await whole(backend))[0] for _ in range(20)]

    assert len(servers[0].requests) == 1
    assert {head.attempts for head in heads} == {1}


async def test_a_date_is_a_pause_too(caplog: pytest.LogCaptureFixture) -> None:
    """A Retry-After may be a date, and a value that is neither is 1 second."""
    far = always(answer(503, b"{}", "retry-after: Fri, 31 Dec 2066 23:59:59 GMT"))
    odd = always(answer(429, b'{"error":{}}', "retry-after: soon"))
    async with scripted(far, odd, ok) as servers, pooled(*servers) as backend:
        while not all(server.requests for server in servers):
            await whole(backend)

    assert len(servers[0].requests) == len(servers[1].requests) == 1
    assert "is out" not in caplog.text


async def test_ejection_and_return(caplog: pytest.LogCaptureFixture) -> None:
    """A server that dies gets nothing, until a probe reaches it; then one request, then all."""
    async with (
        scripted(ok, ok) as (first, second),
        pooled(first, second, probe_seconds=0.02) as backend,
    ):
        await first.stop()
        with caplog.at_level(logging.WARNING):
            dead = [(await whole(backend))[0] for _ in range(20)]
            await first.start()
            while "answers again" not in caplog.text:  # noqa: ASYNC110  a log has no event
                await asyncio.sleep(0.005)
        alive = [(await whole(backend))[0] for _ in range(40)]

    assert {head.upstream for head in dead} == {second.url}
    assert sum(head.attempts - 1 for head in dead) <= 2
    assert caplog.text.count(f"{first.url} is out") == 1
    assert {head.upstream for head in alive} == {first.url, second.url}
    assert {head.attempts for head in alive} == {1}


async def test_a_server_that_hangs() -> None:
    """A server whose probes get no answer twice gets no more requests."""
    async with (
        scripted(ok, ok) as (first, second),
        pooled(first, second, probe_seconds=0.01, probe_timeout_seconds=0.03) as backend,
    ):
        first.lives = second.lives = False
        while await backend.ready():  # noqa: ASYNC110  it is the state that is tested
            await asyncio.sleep(0.005)
        second.lives = True
        while not await backend.ready():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        heads = [(await whole(backend))[0] for _ in range(10)]

    assert {head.upstream for head in heads} == {second.url}


async def test_max_running_bounds_a_server() -> None:
    """No server gets more than its `max_running` at once; the others wait and are answered."""
    running = most = 0

    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        writer.write(OK)

    async with scripted(script, script) as servers, pooled(*servers, max_running=3) as backend:
        answers = await asyncio.gather(*(whole(backend) for _ in range(30)))

    assert {head.attempts for head, _ in answers} == {1}
    assert most == 6


async def test_a_place_is_given_back_by_one_that_leaves() -> None:
    """A request that is closed in its answer gives its place to the next one."""
    async with scripted(ok) as [server], pooled(server, max_running=1) as backend:
        for request in (CHAT, RemoteRequest(method="GET", path="/models/x")):
            async with aclosing(backend.send(request)) as items:
                await anext(items)
        head, _ = await whole(backend)

    assert head.status == 200
