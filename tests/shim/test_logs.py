"""Logging: one line for each record, without ever blocking the server."""

import json
import logging
import os
import threading
from collections.abc import Iterator
from datetime import datetime
from logging import INFO, LogRecord

import pytest

from shim.logs import DroppingHandler, JsonFormatter, OneLineFormatter
from shim.serving.request_record import CURRENT, RequestRecord


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Return a logger that only the tests here use."""
    logger = logging.getLogger("tests.shim.test_logs")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    logger.handlers.clear()


def test_control_characters_are_escaped() -> None:
    """A line break in a message does not begin a new record."""
    record = logging.LogRecord(
        "x", logging.INFO, "", 0, "%s", ("a\r\n2026 forged\x1b[31m\u2028",), None
    )

    line = OneLineFormatter("%(message)s").format(record)

    assert line == "a\\x0d\\x0a2026 forged\\x1b[31m\\u2028"


def test_tracebacks_are_indented() -> None:
    """Each line of a traceback is indented, including those of the exception's message."""
    error = ValueError("first\n2026 forged")
    info = (type(error), error, None)
    record = logging.LogRecord("x", logging.INFO, "", 0, "failed", (), info)

    first, *lines = OneLineFormatter("%(message)s").format(record).splitlines()

    assert first == "failed"
    assert lines
    assert all(line.startswith("    ") for line in lines)


def test_named_arguments_follow_the_message() -> None:
    """Named arguments that the message does not use follow it, escaped like the message."""
    record = LogRecord("x", INFO, "", 0, "%(a)s", ({"a": 1, "b": "c\nd"},), None)

    assert OneLineFormatter("%(message)s").format(record) == "1 b=c\\x0ad"


def test_json() -> None:
    """A line of JSON is ASCII, and has named arguments and the traceback as fields."""
    error = ValueError("caf\u00e9\nforged")
    named = {"status": 200, "level": "forged"}
    info = (type(error), error, None)
    record = LogRecord("x.y", INFO, "", 0, "got %(status)s", (named,), info)

    text = JsonFormatter().format(record)

    assert text.isascii()
    line = json.loads(text)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {
        "level": "info",
        "logger": "x.y",
        "message": "got 200",
        "status": 200,
        "traceback": "ValueError: caf\u00e9\nforged",
    }


def test_a_record_within_a_request() -> None:
    """In JSON, what is logged while a request is handled has the id of that request."""
    request = CURRENT.set(RequestRecord(id="mine"))
    record = LogRecord("x", INFO, "", 0, "%s", ("text",), None)

    line = json.loads(JsonFormatter().format(record))

    CURRENT.reset(request)
    assert (line["message"], line["request_id"]) == ("text", "mine")


def test_records_are_written(logger: logging.Logger) -> None:
    """All records are written before the handler is closed, in order."""
    written: list[bytes] = []

    def write(data: bytes) -> int:
        written.append(data[:3])  # as a pipe that accepts a few bytes at a time
        return len(written[-1])

    handler = DroppingHandler(write)
    logger.addHandler(handler)
    logger.info("one")
    logger.info("two")
    handler.close()

    assert b"".join(written) == b"one\ntwo\n"


def test_an_unread_pipe(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that is not read does not block; the number of dropped records is logged later."""
    monkeypatch.setattr("shim.logs._QUEUED", 10)
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    handler = DroppingHandler(lambda data: os.write(writing, data))
    logger.addHandler(handler)

    for _ in range(1000):
        logger.info("x" * 1000)  # more than a pipe holds

    read = b""
    while b"dropped" not in read:
        read += os.read(reading, 1 << 16)
        logger.info("again")
    os.close(reading)
    logger.info("one more")  # so that the thread, which has written all, sees the closed pipe
    handler._thread.join(120)
    assert not handler._thread.is_alive()
    assert b" records dropped: nobody read the log\n" in read
    os.close(writing)


def test_a_closed_pipe(logger: logging.Logger) -> None:
    """A reader that closes its end ends the thread, not the server."""
    reading, writing = os.pipe()
    os.close(reading)
    handler = DroppingHandler(lambda data: os.write(writing, data))
    logger.addHandler(handler)

    logger.info("to nobody")
    handler._thread.join(120)

    assert threading.current_thread().is_alive()
    assert not handler._thread.is_alive()
    os.close(writing)
