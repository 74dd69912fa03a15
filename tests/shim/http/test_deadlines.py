"""Deadlines of requests: from their clients' headers, and from the server's settings."""

import time
from typing import Any

import pytest

from shim.http.deadlines import Deadlines
from shim.serving.deadline import DEADLINE, NEVER, Deadline
from shim.settings import ServerSettings


async def deadline(headers: dict[bytes, bytes], **settings: Any) -> Deadline:
    """Return the deadline of a request with *headers*."""
    found: list[Deadline] = []

    async def app(*_: Any) -> None:
        found.append(DEADLINE.get())

    scope: Any = {"type": "http", "method": "POST", "headers": list(headers.items())}
    token = DEADLINE.set(NEVER)
    try:
        await Deadlines(app, ServerSettings(**settings))(scope, None, None)  # type: ignore[arg-type]
    finally:
        DEADLINE.reset(token)
    return found[0]


def after(seconds: float) -> Any:
    """Return what a time in *seconds* from now equals."""
    return pytest.approx(time.monotonic() + seconds, abs=1)


@pytest.mark.parametrize("header", [b"x-stainless-read-timeout", b"x-stainless-timeout"])
async def test_a_client_that_says_how_long_it_waits(header: bytes) -> None:
    """It is refused by that time, and dropped by its disconnect: it may come back to its place."""
    found = await deadline({header: b"60.0"}, deadline_seconds=5)

    assert (found.answer_by, found.start_by, found.end_by) == (after(60), None, None)


async def test_without_single_flight() -> None:
    """If clients cannot come back to their place, a time-out drops what waits."""
    found = await deadline({b"x-stainless-read-timeout": b"60"}, single_flight=False)

    assert (found.answer_by, found.start_by) == (after(60), after(60))


async def test_settings() -> None:
    """The server's settings are for clients without a time-out, and for the end of all requests."""
    found = await deadline({}, deadline_seconds=5, request_seconds=90)

    assert (found.answer_by, found.start_by, found.end_by) == (after(5), after(5), after(90))


@pytest.mark.parametrize("value", [b"", b"soon", b"nan", b"inf", b"0", b"-1", b"1e9", b"9" * 9000])
async def test_absurd_values(value: bytes) -> None:
    """A time-out that no client has counts as none."""
    assert await deadline({b"x-stainless-read-timeout": value}) is NEVER
