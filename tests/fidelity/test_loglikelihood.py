"""Scores over `/v1/completions` with `echo` are those of the weights in transformers.

The prompts are what a loglikelihood task sends: a context, and a continuation whose tokens are
weighed. Partial support would score exactly chance, silently: so every token is compared.
"""

import asyncio
import random
from typing import Any

import httpx
import pytest

from tests.live import KEY, MODELS, LiveServer

COUNT = 200
IN_FLIGHT = 32
WITHIN = 1e-3

WORDS = (
    *("what", "is", "plus", "minus", "the", "capital", "of", "horse", "lamp", "table"),
    *("repeat", "reverse", "word", "seven", "Oslo"),
    *("für", "Ägypten", "東京", "😀"),  # whose characters are of several tokens each
)


def prompts() -> list[str]:
    """Return texts of many lengths, some of them with a chat's special tokens."""
    draw = random.Random(11)  # noqa: S311
    return [
        draw.choice(("", "<|user|>")) + " ".join(draw.choices(WORDS, k=draw.randint(2, 60)))
        for _ in range(COUNT)
    ]


class Offline:
    """The weights in transformers."""

    def __init__(self) -> None:
        transformers = pytest.importorskip("transformers")
        self._model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / "chat-hf")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(MODELS / "chat-hf")
        self._scores: dict[tuple[int, ...], tuple[list[float], list[float]]] = {}

    def ids(self, text: str) -> list[int]:
        """Return a text's tokens, special ones added as the tokenizer does."""
        found: list[int] = self.tokenizer(text)["input_ids"]
        return found

    def starts(self, ids: list[int]) -> tuple[list[int], int]:
        """Return where in its text each token begins, and where the text ends, in characters."""
        text = self.tokenizer.decode(ids)
        encoded = self.tokenizer(text, return_offsets_mapping=True)
        assert encoded["input_ids"] == ids
        return [start for start, _ in encoded["offset_mapping"]], len(text)

    def scores(self, ids: list[int]) -> tuple[list[float], list[float]]:
        """Return each token's log probability after those before, and the highest there is."""
        # Each engine answers each prompt as a text and as ids.
        if tuple(ids) not in self._scores:
            self._scores[tuple(ids)] = self._scored(ids)
        return self._scores[tuple(ids)]

    def _scored(self, ids: list[int]) -> tuple[list[float], list[float]]:
        import torch  # noqa: PLC0415  not installed everywhere

        with torch.inference_mode():
            logits = self._model(torch.tensor([ids])).logits[0, :-1]
        weighed = torch.log_softmax(logits.double(), -1)
        own = weighed.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        return own.tolist(), weighed.max(-1).values.tolist()


@pytest.fixture(scope="module")
def offline() -> Offline:
    """Load the weights once."""
    return Offline()


@pytest.fixture(scope="module", params={"ct2": "server", "vllm": "vllm_server"}.items())
def scoring(request: pytest.FixtureRequest) -> LiveServer:
    """Serve the chat model through each engine in turn."""
    _, fixture = request.param
    found: LiveServer = request.getfixturevalue(fixture)
    return found


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


def assert_equal(found: dict[str, Any], ids: list[int], offline: Offline, *, written: int) -> None:
    """Compare an answer with what the weights say."""
    own, highest = offline.scores(ids)
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
    starts, end = offline.starts(ids)
    assert found["text_offset"] == starts + [end] * written


def client(server: LiveServer) -> httpx.AsyncClient:
    """Return a client of *server*."""
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(base_url=server.base_url, headers=headers, timeout=120)


async def test_texts_and_token_ids_one_by_one(scoring: LiveServer, offline: Offline) -> None:
    """200 prompts at 32 in flight, as texts and as token ids, to the last token."""
    texts = prompts()
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
        assert_equal(of_texts[at], tokens, offline, written=1)
        assert_equal(of_ids[at], tokens, offline, written=1)


@pytest.mark.parametrize("max_tokens", [0, 1])
async def test_batches(scoring: LiveServer, offline: Offline, max_tokens: int) -> None:
    """Lists of texts and lists of token ids: each prompt is a choice, in their order."""
    texts = prompts()[:40]
    ids = [offline.ids(text) for text in texts]

    async with client(scoring) as http:
        of_texts = await scored(http, texts, max_tokens=max_tokens)
        of_ids = await scored(http, ids, max_tokens=max_tokens)

    for at, tokens in enumerate(ids):
        assert_equal(of_texts[at], tokens, offline, written=max_tokens)
        assert_equal(of_ids[at], tokens, offline, written=max_tokens)


async def test_alone(scoring: LiveServer, offline: Offline) -> None:
    """A lone request is no different from one in a crowd."""
    text = prompts()[0]

    async with client(scoring) as http:
        (found,) = await scored(http, text, logprobs=10)

    assert_equal(found, offline.ids(text), offline, written=1)
    assert all(10 <= len(top) <= 11 for top in found["top_logprobs"][1:])
