"""vLLM's engine dies under a live server: what clients see, and what is left."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil
import pytest

from backends.vllm.process import children
from tests.live import KEY, LiveServer

QUESTION = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Count."}]}
DEAD = ["gpt-4o-mini", "odd"]
"""The model, and its adapter."""
ENDLESS = {**QUESTION, "logit_bias": {"2": -100}, "max_tokens": 1900, "stream": True}


@pytest.fixture
def http(vllm_server: LiveServer) -> Iterator[httpx.Client]:
    """Send requests that are not retried."""
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=vllm_server.url, headers=headers, timeout=60) as client:
        yield client


def core(server: psutil.Process, *, other_than: psutil.Process | None = None) -> psutil.Process:
    """Return the engine core, once there is one."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for process in server.children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # a start has short-lived helpers
                if process != other_than and "EngineCore" in process.name():
                    return process
        time.sleep(0.05)
    raise TimeoutError


def mark(server: psutil.Process) -> str:
    """Return what all the engine's processes bear: the reaper has it as its last argument."""
    (reaper,) = (p for p in server.children() if any("children.py" in a for a in p.cmdline()))
    return reaper.cmdline()[-1]


def bearers(mark: str) -> list[psutil.Process]:
    """Return the processes that bear *mark*."""
    pids = children.bearers(mark)
    return [process for process in psutil.process_iter() if process.pid in pids]


@pytest.mark.last
def test_an_engine_dies(vllm_server: LiveServer, http: httpx.Client) -> None:
    """An error and [DONE] for the stream, 503 for others, but not for another model's.

    SIGTERM in the restart leaves nothing.
    """
    server = psutil.Process(vllm_server.process.pid)
    engine, engines_mark = core(server), mark(server)
    with http.stream("POST", "/v1/chat/completions", json=ENDLESS) as stream:
        lines = (line for line in stream.iter_lines() if line)
        next(lines)

        engine.kill()

        *_, error, done = lines
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "server_is_overloaded"
    assert done == "data: [DONE]"
    ready = http.get("/ready")
    assert ready.status_code == 503
    assert [name for name, is_ready in ready.json()["models"].items() if not is_ready] == DEAD
    refused = http.post("/v1/chat/completions", json=QUESTION)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    other = http.post("/v1/chat/completions", json={**QUESTION, "model": "toy-chat"})
    assert other.status_code == 200

    core(server, other_than=engine)
    server.terminate()

    assert vllm_server.process.wait(timeout=60) == 0
    # Python's resource tracker is the last to go, by itself.
    _, alive = psutil.wait_procs(bearers(engines_mark), timeout=15)
    assert not alive
