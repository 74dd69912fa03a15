"""The line for each request in a real server's log, in JSON."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client.stock import says
from tests.live import KEY, serving

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
log_format = "json"

[[models]]
id = "org/echo"
backend = "fake"
source = "chat"
aliases = ["echo"]

[[models]]
id = "dies"
backend = "fake"
source = "chat"
options = {{ fail_after = 2 }}

[[models]]
id = "slow"
backend = "fake"
source = "chat"
options = {{ seconds_per_item = 0.2 }}

[[models]]
id = "lines"
backend = "fake"
source = "speech"
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
WORDS = says("private two three")

REQUESTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "whole": (
        "/v1/chat/completions",
        {"json": {"model": "echo", "messages": WORDS}},
        {
            "path": "/v1/chat/completions",
            "status": 200,
            "model": "org/echo",
            "route": "chat",
            "prompt_tokens": 3,
            "completion_tokens": 3,
            "trace_id": TRACE,
        },
    ),
    "prompts": (
        "/completions?x=private",
        {"json": {"model": "echo", "prompt": ["private two", "three"]}},
        {
            "path": "/completions",
            "status": 200,
            "model": "org/echo",
            "route": "completions",
            "prompt_tokens": 3,
            "completion_tokens": 3,
            "trace_id": TRACE,
        },
    ),
    "recording": (
        "/v1/audio/transcriptions",
        {"data": {"model": "lines"}, "files": {"file": ("private.wav", b"private\ntwo")}},
        {
            "path": "/v1/audio/transcriptions",
            "status": 200,
            "model": "lines",
            "route": "transcriptions",
            "completion_tokens": 10,
            "audio_seconds": 2.0,
            "trace_id": TRACE,
        },
    ),
    "failure": (
        "/v1/chat/completions",
        {"json": {"model": "dies", "messages": WORDS, "stream": True}},
        {
            "path": "/v1/chat/completions",
            "status": 503,
            "error": "engine_dead",
            "model": "dies",
            "route": "chat",
            "trace_id": TRACE,
        },
    ),
    "refusal": (
        "/v1/chat/completions",
        {"json": {"model": "echo", "messages": "private"}},
        {
            "path": "/v1/chat/completions",
            "status": 400,
            "error": "invalid_parameter",
            "trace_id": TRACE,
        },
    ),
}
"""Name → path, the request, and what its line has beside times."""


def test_every_request_has_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each request is one line at its end: with its result, model and tokens; without content."""
    (tmp_path / "shim.toml").write_text(CONFIG)
    file = str(tmp_path / "shim.toml")
    with serving("--config", file, "--log-level", "info") as server:
        headers = {"authorization": f"Bearer {KEY}", "traceparent": f"00-{TRACE}-{'1' * 16}-01"}
        with httpx.Client(headers=headers) as http:
            for name, (path, request, _) in REQUESTS.items():
                http.post(f"{server.url}{path}", headers={"x-request-id": name}, **request)
        _leave(server.url)

    log = capfd.readouterr().err
    records = [json.loads(line) for line in log.splitlines()]
    lines = {line["request_id"]: line for line in records if line["logger"] == "shim.requests"}
    assert {*lines} == {*REQUESTS, "left"}
    for name, (_, _, expected) in REQUESTS.items():
        assert lines[name]["seconds"] > 0
        unsteady = ("seconds", "queue_seconds", "first_output_seconds")
        found = {key: value for key, value in lines[name].items() if key not in unsteady}
        assert [found.pop(key) for key in ("level", "logger")] == ["info", "shim.requests"]
        assert found.pop("message") == f"POST {expected['path']} {expected['status']}"
        assert {"time", "request_id", "method"} == {*found} - {*expected}
        assert expected.items() <= found.items()
    assert (lines["left"]["status"], lines["left"]["error"]) == (499, "client_gone")
    assert "private" not in log
    assert KEY not in log


def _leave(url: str) -> None:
    """Send a request, and disconnect when its answer has begun."""
    words = says("private " * 50)
    body = json.dumps({"model": "slow", "messages": words, "stream": True}).encode()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-request-id: left\r\n"
            b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
            % (KEY.encode(), len(body), body)
        )
        assert client.recv(9) == b"HTTP/1.1 "
