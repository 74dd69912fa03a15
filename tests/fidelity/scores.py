"""The log probabilities of a prompt over `/v1/completions`, compared with those of the weights."""

from typing import Any

import httpx
import pytest

from tests.live import KEY, LiveServer
from tests.weights import Weights

WITHIN = 1e-3


def client(server: LiveServer) -> httpx.AsyncClient:
    """Return a client of *server*."""
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(base_url=server.base_url, headers=headers, timeout=120)


async def scored(http: httpx.AsyncClient, prompt: Any, **options: Any) -> list[dict[str, Any]]:
    """Return the choices' log probabilities, as lm-eval asks for them."""
    body = {
        "model": "gpt-4o-mini",
        "prompt": prompt,
        "temperature": 0,
        "max_tokens": 1,
        "logprobs": 1,
        "seed": 1234,
        "echo": True,
        **options,
    }
    answer = await http.post("completions", json=body)
    assert answer.status_code == 200, answer.text
    choices = answer.json()["choices"]
    assert [choice["index"] for choice in choices] == list(range(len(choices)))
    return [choice["logprobs"] for choice in choices]


def assert_scores(found: dict[str, Any], ids: list[int], weights: Weights, *, written: int) -> None:
    """Compare an answer with what the weights say; *written*: tokens after the prompt."""
    own, highest = weights.scores(ids)
    assert len(found["tokens"]) == len(ids) + written
    assert found["token_logprobs"][0] is None
    assert found["top_logprobs"][0] is None
    assert found["token_logprobs"][1 : len(ids)] == pytest.approx(own, abs=WITHIN)
    for token, logprob, top, best in zip(
        found["tokens"][1 : len(ids)],
        found["token_logprobs"][1 : len(ids)],
        found["top_logprobs"][1 : len(ids)],
        highest,
        strict=True,
    ):
        assert top[token] == logprob  # the very number: harnesses compare the two
        assert max(top.values()) == pytest.approx(best, abs=WITHIN)
    starts, end = weights.starts(ids)
    assert found["text_offset"] == starts + [end] * written
