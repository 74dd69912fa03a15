"""A full queue: refused at once, and answered on a retry once a slot is free."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.client.slots import reaches
from tests.client.stock import answered, connect, first, says
from tests.live import LiveServer, serving

BURST = """
[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = 1
max_waiting = 4
options = { seconds_per_item = 0.05 }
"""

LONG = "word " * 300


@pytest.fixture
async def running(client: Any, http: httpx.AsyncClient) -> Any:
    """Hold the only slot of the model `one` with a stream that has begun."""
    assert await reaches(http, "one", 400)
    stream = await answered(
        client.chat.completions.create(model="one", messages=says(LONG), stream=True)
    )
    await first(stream)
    yield stream
    await answered(stream.close())


@pytest.mark.parametrize("stream", [False, True])
async def test_a_full_queue(client: Any, running: Any, *, stream: bool) -> None:
    """The next request is refused with a 429, streamed or not, and told when to come again."""
    assert running

    with pytest.raises(openai.RateLimitError) as refusal:
        await answered(
            client.chat.completions.create(model="one", messages=says("a"), stream=stream)
        )

    error = refusal.value
    assert 1 <= int(error.response.headers["retry-after"]) <= 60
    assert (error.type, error.code) == ("rate_limit_error", "rate_limit_exceeded")
    assert error.request_id.startswith("req_")


async def test_other_models_go_on(client: Any, running: Any) -> None:
    """A full queue is one model's own."""
    assert running

    completion = await answered(
        client.chat.completions.create(model="org/echo", messages=says("a"))
    )

    assert completion.choices[0].message.content == "a"


async def test_the_stock_client_comes_again(fakes: LiveServer, http: httpx.AsyncClient) -> None:
    """With its own retries alone, a refused client gets its answer once a slot is free."""
    assert await reaches(http, "one", 400)
    statuses: list[int] = []
    body = {"model": "one", "messages": says(LONG), "stream": True}
    async with http.stream("POST", "chat/completions", json=body) as holding:
        pieces = holding.aiter_bytes()
        await anext(pieces)

        async def let_go(response: Any) -> None:
            statuses.append(response.status_code)
            await holding.aclose()

        hooks = {"response": [let_go]}
        async with openai.DefaultAsyncHttpxClient(event_hooks=hooks) as watched:
            client = connect("async", fakes, max_retries=2, http_client=watched)
            completion = await client.chat.completions.create(model="one", messages=says("a"))

    assert statuses == [429, 200]
    assert completion.choices[0].message.content == "a"


async def test_a_burst_loses_nothing(tmp_path: Path) -> None:
    """Forty clients with the stock retries get their answers through a queue of four."""
    file = tmp_path / "shim.toml"
    file.write_text(BURST)
    with serving("--config", str(file)) as server:
        client = connect("async", server, max_retries=2)

        answers = await asyncio.gather(
            *(client.chat.completions.create(model="echo", messages=says("a b")) for _ in range(40))
        )

        await client.close()
    assert [answer.choices[0].message.content for answer in answers] == ["a b"] * 40
