"""The record of a request, the id of its answer, and its line in the log."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shim.errors import QueueFull
from shim.http.request_log import RequestLog, log_request
from shim.serving.request_record import CURRENT, RequestRecord, failed

TRACE = "0af7651916cd43dd8448eb211c80319c"
App = Callable[[Any, Any, Any], Awaitable[None]]


def start(status: int) -> Any:
    """Return the message that begins an answer."""
    return {"type": "http.response.start", "status": status, "headers": []}


async def recorded(app: App, **headers: str) -> tuple[RequestRecord, list[Any]]:
    """Return the record of a request to *app* with *headers*, and the messages of the answer."""
    records: list[RequestRecord] = []
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: Any = {"type": "http", "method": "GET", "raw_path": b"/x", "headers": raw}
    try:
        await RequestLog(app, records.append)(scope, None, send)  # type: ignore[arg-type]
    except ZeroDivisionError:
        sent.append("broken")
    [record] = records
    return record, sent


async def answers(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer a request with a 201."""
    await send(start(201))


async def test_a_record() -> None:
    """A record has what the request says of itself, and the status of its answer."""
    record, [message] = await recorded(
        answers, x_request_id="mine", traceparent=f"00-{TRACE}-b7ad6b7169203331-01"
    )

    assert (record.method, record.path, record.id, record.status) == ("GET", "/x", "mine", 201)
    assert record.trace_id == TRACE
    assert record.seconds > 0
    assert message["headers"] == [(b"x-request-id", b"mine")]


@pytest.mark.parametrize("value", ["", "00-", f"00-{'0' * 32}-b7ad6b7169203331-01", TRACE])
async def test_an_invalid_traceparent(value: str) -> None:
    """A header that is not valid has no trace."""
    record, _ = await recorded(answers, traceparent=value)

    assert record.trace_id is None


async def test_a_stream_that_fails() -> None:
    """The status of the result is that of the failure, although the answer began with a 200."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start(200))
        failed(QueueFull("full"))

    record, _ = await recorded(app)

    assert (record.status, record.error) == (429, "queue_full")


async def test_a_broken_application() -> None:
    """An exception that nothing has turned into an answer is a 500."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise ZeroDivisionError

    record, sent = await recorded(app)

    assert (record.status, sent) == (500, ["broken"])


async def test_outside_of_a_request() -> None:
    """Without a record, nothing is noted."""
    assert CURRENT.get() is None
    failed(QueueFull("full"))


@pytest.mark.parametrize(
    ("status", "level"), [(200, logging.INFO), (503, logging.INFO), (500, logging.ERROR)]
)
def test_levels(caplog: pytest.LogCaptureFixture, status: int, level: int) -> None:
    """Requests are logged at the level `info`; a 500 is logged as an error."""
    record = RequestRecord(method="GET", path="/x", id="mine")
    record.status, record.model = status, "m"

    with caplog.at_level(logging.INFO):
        log_request(record)

    [line] = caplog.records
    assert (line.levelno, line.getMessage()) == (level, f"GET /x {status}")
    fields = {"method": "GET", "path": "/x", "status": status, "model": "m", "request_id": "mine"}
    assert line.args == fields


def test_a_long_path(caplog: pytest.LogCaptureFixture) -> None:
    """A long path is shortened in the log."""
    with caplog.at_level(logging.INFO):
        log_request(RequestRecord(method="GET", path="/" + "x" * 30_000, id="mine"))

    [record] = caplog.records
    assert len(record.getMessage()) < 500
