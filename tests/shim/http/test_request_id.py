"""Ids of requests, and the log's line for an answer."""

import logging
from typing import Any

import pytest

from shim.http.request_id import log_answer

SCOPE: Any = {"method": "GET", "path": "/x", "headers": [(b"x-request-id", b"mine")]}


@pytest.mark.parametrize(
    ("status", "level"), [(200, logging.INFO), (503, logging.INFO), (500, logging.ERROR)]
)
def test_levels(caplog: pytest.LogCaptureFixture, status: int, level: int) -> None:
    """Answers are logged at the level `info`; a 500 is logged as an error."""
    with caplog.at_level(logging.INFO):
        assert log_answer(SCOPE, status) == b"mine"

    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (level, f"GET /x {status} mine")


def test_a_long_path(caplog: pytest.LogCaptureFixture) -> None:
    """A long path is shortened in the log."""
    with caplog.at_level(logging.INFO):
        log_answer({**SCOPE, "path": "/" + "x" * 30_000}, 431)

    [record] = caplog.records
    assert len(record.getMessage()) < 500
