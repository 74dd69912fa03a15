"""Single flight: a client that times out and tries again gets the answer to its first attempt."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.client.stock import connect, says
from tests.live import KEY, LiveServer, serving

OTHER_KEY = "sk-other"

SLOW = f"""
[server]
api_keys = ["{KEY}", "{OTHER_KEY}"]

[[models]]
id = "slow"
backend = "fake"
source = "chat"
max_running = 100
options = {{ seconds_per_item = 1.0 }}

[[models]]
id = "slow-speech"
backend = "fake"
source = "speech"
max_running = 100
options = {{ seconds_per_item = 1.0 }}
"""

TIMEOUT = 0.5
"""Seconds: half as long as an answer takes."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve models that take longer than their clients wait."""
    file = tmp_path_factory.mktemp("slow") / "shim.toml"
    file.write_text(SLOW)
    with serving("--config", str(file)) as live:
        yield live


@pytest.fixture
async def impatient(slow: LiveServer) -> AsyncIterator[Any]:
    """Connect a stock client that times out and tries again three times."""
    async with connect("async", slow, timeout=TIMEOUT, max_retries=3) as client:
        yield client


class Counts:
    """How many requests the engines have begun, and what single flight has counted, since then."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._before = self._read()

    def since(self, name: str) -> float:
        """Return by how much the counter *name* has grown; its labels are summed up."""
        return self._read().get(name, 0) - self._before.get(name, 0)

    def _read(self) -> dict[str, float]:
        headers = {"authorization": f"Bearer {KEY}"}
        text = httpx.get(f"{self._server.url}/metrics", headers=headers).text
        values: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = ":".join((sample.name, sample.labels.get("result", ""))).rstrip(":")
                values[name] = values.get(name, 0) + sample.value
        return values


async def chat(client: Any, text: str) -> str:
    """Return the answer to a chat, which repeats *text*."""
    answer = await client.chat.completions.create(model="slow", messages=says(text))
    return str(answer.choices[0].message.content)


async def stream(client: Any, text: str) -> str:
    """Return the streamed answer to a chat, which repeats *text*."""
    chunks = await client.chat.completions.create(model="slow", messages=says(text), stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])


async def recording(client: Any, text: str) -> str:
    """Return the transcript of a file with *text*."""
    answer = await client.audio.transcriptions.create(model="slow-speech", file=text.encode())
    return str(answer.text).strip()


@pytest.mark.parametrize(
    "request_",
    [
        chat,
        pytest.param(stream, marks=pytest.mark.slow),
        pytest.param(recording, marks=pytest.mark.slow),
    ],
)
async def test_each_is_computed_once(
    slow: LiveServer, impatient: Any, request_: Callable[[Any, str], Awaitable[str]]
) -> None:
    """A hundred clients whose first attempts time out get their answers, from 100 computations."""
    counts = Counts(slow)
    texts = [f"w{number}" for number in range(100)]

    answers = await asyncio.gather(*(request_(impatient, text) for text in texts))

    assert answers == texts
    assert counts.since("shim_queue_seconds_count") == 100
    assert counts.since("shim_requests_total") == 100


async def test_streams(slow: LiveServer, impatient: Any) -> None:
    """A stream whose client times out before the first event is joined, and arrives whole."""
    counts = Counts(slow)

    async with await impatient.chat.completions.create(
        model="slow", messages=says("a"), stream=True
    ) as answer:
        chunks = [chunk async for chunk in answer]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "a"
    assert answer.response.headers["x-shim-single-flight"] in ("joined", "replayed")
    assert counts.since("shim_queue_seconds_count") == 1


async def test_recordings(slow: LiveServer, impatient: Any) -> None:
    """An upload is joined although the client makes a new boundary for each attempt."""
    counts = Counts(slow)

    answer = await impatient.audio.transcriptions.with_raw_response.create(
        model="slow-speech", file=("a.wav", b"line " * 60_000)
    )

    assert answer.headers["x-shim-single-flight"] in ("joined", "replayed")
    assert counts.since("shim_queue_seconds_count") == 1


async def test_a_finished_answer(slow: LiveServer) -> None:
    """An answer that was complete before the retry came is sent again."""
    counts = Counts(slow)
    async with connect("async", slow, timeout=0.9, max_retries=1) as client:
        answer = await client.chat.completions.with_raw_response.create(
            model="slow", messages=says("a")
        )

    assert answer.headers["x-shim-single-flight"] == "replayed"
    assert counts.since("shim_queue_seconds_count") == 1


async def test_another_key(slow: LiveServer) -> None:
    """A client with another key never gets an answer that was made for the first one."""
    await timed_out(slow, "shared")
    counts = Counts(slow)

    async with connect("async", slow, api_key=OTHER_KEY) as client:
        answer = await client.chat.completions.with_raw_response.create(
            model="slow", messages=says("shared")
        )

    assert "x-shim-single-flight" not in answer.headers
    assert counts.since("shim_queue_seconds_count") == 1


async def test_an_answer_goes_to_one_client(slow: LiveServer) -> None:
    """Of two equal requests after a time-out only one gets the answer of the first attempt."""
    await timed_out(slow, "same")
    counts = Counts(slow)

    async with connect("async", slow) as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.with_raw_response.create(
                    model="slow", messages=says("same")
                )
                for _ in range(2)
            )
        )

    assert ["x-shim-single-flight" in answer.headers for answer in answers].count(True) == 1
    assert counts.since("shim_queue_seconds_count") == 1


async def timed_out(server: LiveServer, text: str) -> None:
    """Send a chat whose client times out and does not come back."""
    async with connect("async", server, timeout=TIMEOUT) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model="slow", messages=says(text))


@pytest.mark.slow
async def test_without_it(tmp_path: Path) -> None:
    """If it is turned off, each attempt is a computation, and its time-out cancels it."""
    file = tmp_path / "shim.toml"
    file.write_text(SLOW.replace("[server]", "[server]\nsingle_flight = false"))
    with serving("--config", str(file)) as server:
        counts = Counts(server)
        async with connect("async", server, timeout=TIMEOUT, max_retries=2) as client:
            with pytest.raises(openai.APITimeoutError):
                await client.chat.completions.create(model="slow", messages=says("a"))

        assert counts.since("shim_queue_seconds_count") == 3
