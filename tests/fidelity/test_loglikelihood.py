"""Scores over `/v1/completions` with `echo` are those of the weights in transformers.

The prompts are what a loglikelihood task sends: a context, and a continuation whose tokens are
weighed. Partial support would score exactly chance, silently: so every token is compared.
"""

import asyncio
import random
from typing import Any

import httpx
import pytest

from tests.fidelity.scores import assert_scores, client, scored
from tests.live import LiveServer
from tests.weights import Weights

IN_FLIGHT = 32

WORDS = (
    *("what", "is", "plus", "minus", "the", "capital", "of", "horse", "lamp", "table"),
    *("repeat", "reverse", "word", "seven", "Oslo"),
    *("für", "Ägypten", "東京", "😀"),  # whose characters are of several tokens each
)


def prompts(count: int) -> list[str]:
    """Return *count* texts of many lengths, some of them with a chat's special tokens."""
    draw = random.Random(11)  # noqa: S311
    return [
        draw.choice(("", "<|user|>")) + " ".join(draw.choices(WORDS, k=draw.randint(2, 60)))
        for _ in range(count)
    ]


@pytest.fixture(scope="module", params={"ct2": "server", "vllm": "vllm_server"}.items())
def scoring(request: pytest.FixtureRequest) -> LiveServer:
    """Serve the chat model through each engine in turn."""
    _, fixture = request.param
    found: LiveServer = request.getfixturevalue(fixture)
    return found


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.slow)])
async def test_texts_and_token_ids_one_by_one(
    scoring: LiveServer, offline: Weights, count: int
) -> None:
    """Prompts at 32 in flight, as texts and as token ids, to the last token."""
    texts = prompts(count)
    ids = [offline.ids(text) for text in texts]
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(http: httpx.AsyncClient, prompt: Any) -> dict[str, Any]:
        async with slots:
            (found,) = await scored(http, prompt)
            return found

    async with client(scoring) as http:
        of_texts = await asyncio.gather(*(one(http, text) for text in texts))
        of_ids = await asyncio.gather(*(one(http, list(tokens)) for tokens in ids))

    for at, tokens in enumerate(ids):
        assert_scores(of_texts[at], tokens, offline, written=1)
        assert_scores(of_ids[at], tokens, offline, written=1)


@pytest.mark.parametrize("max_tokens", [0, 1])
async def test_batches(scoring: LiveServer, offline: Weights, max_tokens: int) -> None:
    """Lists of texts and lists of token ids: each prompt is a choice, in their order."""
    texts = prompts(40)
    ids = [offline.ids(text) for text in texts]

    async with client(scoring) as http:
        of_texts = await scored(http, texts, max_tokens=max_tokens)
        of_ids = await scored(http, ids, max_tokens=max_tokens)

    for at, tokens in enumerate(ids):
        assert_scores(of_texts[at], tokens, offline, written=max_tokens)
        assert_scores(of_ids[at], tokens, offline, written=max_tokens)


async def test_alone(scoring: LiveServer, offline: Weights) -> None:
    """A lone request is no different from one in a crowd."""
    (text,) = prompts(1)

    async with client(scoring) as http:
        (found,) = await scored(http, text, logprobs=10)

    assert_scores(found, offline.ids(text), offline, written=1)
    assert all(10 <= len(top) <= 11 for top in found["top_logprobs"][1:])
