"""Requests of many prompts: what can never fit is refused at once, what fits is answered."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.live import KEY, LiveServer, serving

RUNNING, WAITING = 2, 3
HEADERS = {"authorization": f"Bearer {KEY}"}

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
[server.limits]
choices = 8
[[models]]
id = "texts"
backend = "fake"
source = "chat"
max_running = {RUNNING}
max_waiting = {WAITING}
[[models]]
id = "vectors"
backend = "fake"
source = "embedding"
max_running = {RUNNING}
max_waiting = {WAITING}
"""


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Serve models whose queues hold five."""
    file = tmp_path_factory.mktemp("narrow") / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file)) as live:
        yield live


async def ask(live: LiveServer, path: str, **body: Any) -> httpx.Response:
    """Send *body*."""
    async with httpx.AsyncClient(base_url=live.base_url, headers=HEADERS) as http:
        return await http.post(path, json=body)


@pytest.mark.parametrize(
    ("path", "model", "field"),
    [("/completions", "texts", "prompt"), ("/embeddings", "vectors", "input")],
)
async def test_more_than_ever_fit(narrow: LiveServer, path: str, model: str, field: str) -> None:
    """A 400 names the field and how many may be sent; beside it others are answered."""
    several = [ask(narrow, path, **{"model": model, field: ["a"] * 6}) for _ in range(5)]
    bystander = ask(narrow, path, **{"model": model, field: "a"})

    *refused, answered = await asyncio.gather(*several, bystander)

    assert answered.status_code == 200
    for answer in refused:
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["param"] == field
        assert error["message"].startswith(f"`{field}` has 6 items, more than the 5 that can run")


@pytest.mark.parametrize(
    ("path", "model", "field"),
    [("/completions", "texts", "prompt"), ("/embeddings", "vectors", "input")],
)
async def test_as_many_as_fit(narrow: LiveServer, path: str, model: str, field: str) -> None:
    """As many as run and wait together are answered."""
    answer = await ask(narrow, path, **{"model": model, field: ["a"] * 5})

    assert answer.status_code == 200


async def test_choices_of_all_prompts(narrow: LiveServer) -> None:
    """`n` times the number of prompts has a limit."""
    most = await ask(narrow, "/completions", model="texts", prompt=["a"] * 4, n=2)
    more = await ask(narrow, "/completions", model="texts", prompt=["a"] * 3, n=3)

    assert most.status_code == 200
    assert more.status_code == 400
    assert more.json()["error"]["param"] == "n"
    assert "9, more than the 8 allowed" in more.json()["error"]["message"]
