"""A client that repeats a request that can never succeed, without a pause."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from itertools import islice

import httpx
import pytest

from tests.live import KEY, PYTHON, ROOT

REFUSED = {"model": "toy-chat", "prompt": "Count to ten", "max_tokens": 1_000_000}
ANSWERED = {"model": "toy-chat", "prompt": "Count to ten", "max_tokens": 3}
HEADERS = {"authorization": f"Bearer {KEY}"}


class Logging:
    """A live server, and what it has logged once it has ended."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self._process = process
        self.url = url

    def lines(self) -> list[str]:
        """End the server and return its log."""
        assert self._process.stderr is not None
        self._process.terminate()
        self._process.wait(timeout=30)
        return self._process.stderr.read().splitlines()


@pytest.fixture
def live() -> Iterator[Logging]:
    """Serve the built-in models; refusals may wait for a minute."""
    command = [PYTHON, "-m", "shim", "serve", "toys", "--port", "0", "--api-key", KEY]
    with subprocess.Popen(  # noqa: S603
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "SHIM_LIMITS_REFUSAL_DELAY_SECONDS": "60"},
    ) as process:
        assert process.stdout is not None
        found = next(filter(None, (re.search(r"http://[0-9.:]+", line) for line in process.stdout)))
        try:
            yield Logging(process, found[0])
        finally:
            process.terminate()


async def test_the_same_refusal_again_and_again(live: Logging) -> None:
    """It comes later and later, is logged once, and keeps nobody else from being answered."""
    async with httpx.AsyncClient(base_url=live.url, headers=HEADERS, timeout=90) as http:
        # Of thirty that come at once the last wait for a minute.
        refused = [
            asyncio.create_task(http.post("/v1/completions", json=REFUSED)) for _ in range(30)
        ]
        first = [(await each).text for each in islice(asyncio.as_completed(refused), 15)]
        answered = await http.post("/v1/completions", json=ANSWERED)
        another = await http.post("/v1/completions", json={**REFUSED, "max_tokens": 2_000_000_000})
        metrics = (await http.get("/metrics")).text
        waiting = [task for task in refused if not task.done()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    assert len(set(first)) == 1
    assert "maximum context length" in first[0]
    assert len(waiting) >= 5
    assert (answered.status_code, another.status_code) == (200, 400)
    assert 'shim_requests_running{model="toy-chat"} 0.0' in metrics
    assert len([line for line in live.lines() if "maximum context length" in line]) == 1
