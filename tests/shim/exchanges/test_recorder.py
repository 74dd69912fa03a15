"""Recording around an application: what fails while an exchange is written."""

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from litestar.types import Receive, Scope, Send

from shim.exchanges.folder import Recording
from shim.exchanges.recorder import recording

MESSAGES: list[Any] = [
    {"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]},
    {"type": "http.response.body", "body": b"one", "more_body": True},
    {"type": "http.response.body", "body": b"two", "more_body": False},
]


async def answers(_scope: Scope, receive: Receive, send: Send) -> None:
    """Read a request and answer it."""
    await receive()
    for message in MESSAGES:
        await send(message)


async def stops(_scope: Scope, receive: Receive, send: Send) -> None:
    """Begin an answer; then the request is cancelled."""
    await receive()
    await send(MESSAGES[0])
    raise asyncio.CancelledError


async def request(app: Any) -> list[Any]:
    """Send a request to *app* and return the messages of its answer."""
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/v1/x",
        "query_string": b"",
        "headers": [(b"content-length", b"2")],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def test_an_exchange(tmp_path: Path) -> None:
    """An answer is recorded in its pieces, without what belongs to its connection."""
    counts: Counter[str] = Counter()
    with recording(
        tmp_path, most_bytes=10_000, on_end=lambda result: counts.update([result])
    ) as it:
        assert await request(it.around(answers)) == MESSAGES

    [exchange] = Recording(tmp_path).exchanges
    assert exchange.answer is not None
    assert exchange.answer.headers == []
    assert [size for _, size in exchange.answer.pieces] == [3, 3]
    assert (exchange.whole, counts) == (True, {"whole": 1})


async def test_a_cancelled_request(tmp_path: Path) -> None:
    """A request that is cancelled is recorded as cut, and stays cancelled."""
    counts: Counter[str] = Counter()
    with (
        recording(tmp_path, most_bytes=10_000, on_end=lambda result: counts.update([result])) as it,
        pytest.raises(asyncio.CancelledError),
    ):
        await request(it.around(stops))

    [exchange] = Recording(tmp_path).exchanges
    assert (exchange.whole, counts) == (False, {"cut": 1})


async def test_a_full_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be recorded is answered all the same; the log says so once, each is counted."""
    counts: Counter[str] = Counter()
    with (
        caplog.at_level(logging.ERROR),
        recording(tmp_path, most_bytes=5, on_end=lambda result: counts.update([result])) as it,
    ):
        for _ in range(3):
            assert await request(it.around(answers)) == MESSAGES

    assert Recording(tmp_path).exchanges == []
    assert counts == {"lost": 3}
    assert [record.message for record in caplog.records] == [
        "not recorded, and so may be others: the recording has reached 5 bytes"
    ]
