"""The vectors are right: what vLLM embeds through us is what the weights say offline."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backends.base import Embedding, EmbeddingBackend, EmbeddingJob
from backends.conversation import Conversation, Message
from backends.failures import InvalidOption, PromptTooLong, UnsupportedOption
from tests.backends.vllm.conftest import Reference

TEXTS = [
    *(f"What is {a} plus {a + 9}?" for a in range(12)),
    "a",
    "Repeat the word horse. " * 80,
    "Ünïcode: 一, 😀.",
    "<|user|>Hi<|end|>",
]
WITHIN = 1e-4


async def vector(backend: EmbeddingBackend, text: Any, **options: Any) -> Embedding:
    """Return the one vector of *text*."""
    (embedding,) = [item async for item in backend.embed(EmbeddingJob(input=text, **options))]
    return embedding


async def test_vectors_are_those_of_transformers(
    embedder: EmbeddingBackend, reference: Reference
) -> None:
    """The last token's last state, at length 1: alone, all at once, and as token ids."""
    ids = [reference.tokenizer(text)["input_ids"] for text in TEXTS]

    alone = [await vector(embedder, text) for text in TEXTS]
    together = await asyncio.gather(*(vector(embedder, text) for text in TEXTS))
    by_ids = await asyncio.gather(*(vector(embedder, tuple(tokens)) for tokens in ids))

    states = [reference.last_state(tokens) for tokens in ids]
    truth = [state / np.linalg.norm(state) for state in states]
    for vectors in (alone, together, by_ids):
        assert [one.prompt_tokens for one in vectors] == [len(tokens) for tokens in ids]
        for one, true in zip(vectors, truth, strict=True):
            assert one.values == pytest.approx(true, abs=WITHIN)


async def test_without_the_activation(embedder: EmbeddingBackend, reference: Reference) -> None:
    """The vector is the hidden state itself, of any length."""
    embedding = await vector(embedder, TEXTS[0], use_activation=False)

    state = reference.last_state(reference.tokenizer(TEXTS[0])["input_ids"])
    assert np.linalg.norm(state) > 2
    assert embedding.values == pytest.approx(state, rel=WITHIN, abs=WITHIN)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"truncate_prompt_tokens": 3}, slice(3)),
        ({"truncate_prompt_tokens": 3, "truncation_side": "right"}, slice(3)),
        ({"truncate_prompt_tokens": 3, "truncation_side": "left"}, slice(-3, None)),
        ({"truncate_prompt_tokens": -1}, slice(2048)),
    ],
)
async def test_cut_where_asked(
    embedder: EmbeddingBackend, options: dict[str, Any], kept: slice
) -> None:
    """A text is cut only if the request says so, to so many tokens, on the side that it names."""
    tokens = tuple(4 + at % 1000 for at in range(3000))

    cut = await vector(embedder, tokens, **options)

    whole = await vector(embedder, tokens[kept])
    assert cut.prompt_tokens == whole.prompt_tokens
    assert cut.values == pytest.approx(whole.values, abs=WITHIN)


@pytest.mark.parametrize(
    ("text", "options", "option"),
    [
        ("", {}, "input"),
        ((), {}, "input"),
        ((10**6,), {}, "input"),
        ("a", {"truncate_prompt_tokens": 5000}, "truncate_prompt_tokens"),
        ("a", {"truncate_prompt_tokens": -2}, "truncate_prompt_tokens"),
        ("a", {"truncate_prompt_tokens": 0}, "input"),
    ],
)
async def test_what_is_wrong_is_named(
    embedder: EmbeddingBackend, text: Any, options: dict[str, Any], option: str
) -> None:
    """InvalidOption carries the field of EmbeddingJob that is at fault."""
    with pytest.raises(InvalidOption) as refusal:
        await vector(embedder, text, **options)

    assert refusal.value.option == option


@pytest.mark.parametrize("words", [2049, 5000, 1_000_000])
async def test_more_than_the_context(embedder: EmbeddingBackend, words: int) -> None:
    """A text that is too long is refused, in the words that harnesses look for."""
    with pytest.raises(PromptTooLong, match="maximum context length is 2048 ") as refusal:
        await vector(embedder, "horse " * words)

    assert refusal.value.option == "input"


async def test_a_long_text_that_is_cut(embedder: EmbeddingBackend) -> None:
    """It has the vector of the part that is kept."""
    whole = await vector(embedder, "horse " * 1_000_000, truncate_prompt_tokens=5)

    part = await vector(embedder, "horse " * 100, truncate_prompt_tokens=5)
    assert whole.prompt_tokens == 5
    assert whole.values == pytest.approx(part.values, abs=WITHIN)


async def test_a_model_that_cannot_be_cut(embedder: EmbeddingBackend) -> None:
    """Dimensions are for models that were trained for it, in vLLM's words."""
    with pytest.raises(UnsupportedOption, match="does not support Matryoshka") as refusal:
        await vector(embedder, "a", dimensions=4)

    assert refusal.value.option == "dimensions"


async def test_cancelling_aborts_in_the_engine(embedder: Any) -> None:
    """Nothing is left of requests whose reader has gone."""
    tokens = [tuple(5 + (at + n) % 1000 for at in range(2000)) for n in range(40)]
    readers = [asyncio.create_task(vector(embedder, each)) for each in tokens]
    async with asyncio.timeout(60):
        while not embedder._engine.get_num_unfinished_requests():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)

    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)

    assert any(reader.cancelled() for reader in readers)
    assert embedder._engine.get_num_unfinished_requests() == 0
    assert (await vector(embedder, "a")).prompt_tokens == 1


@pytest.mark.parametrize("count", [0, 1, 5000])
async def test_tokens_are_those_that_are_embedded(
    embedder: EmbeddingBackend, reference: Reference, count: int
) -> None:
    """All tokens of a text are returned, however many there are; a conversation is refused."""
    text = "horse " * count

    assert await embedder.tokenize(text) == reference.tokenizer(text)["input_ids"]
    with pytest.raises(UnsupportedOption) as refusal:
        await embedder.tokenize(Conversation((Message(role="user", content=text),)))

    assert refusal.value.option == "messages"


@pytest.mark.parametrize(
    ("task", "chunks", "words"),
    [
        ("classify", False, "a model for classify, not for embeddings"),
        ("embed", True, "not supported"),
    ],
)
@pytest.mark.usefixtures("requires_vllm")
async def test_what_is_not_served(*, task: str, chunks: bool, words: str) -> None:
    """A pooling model of another task, or one set up to average long texts, is refused."""
    from backends.vllm.embedding import VllmEmbedding  # noqa: PLC0415 - imports vLLM

    async def tasks() -> tuple[str, ...]:
        return (task, "token_classify")

    model = SimpleNamespace(
        get_pooling_task=lambda tasks: tasks[0],
        pooler_config=SimpleNamespace(enable_chunked_processing=chunks),
    )
    engine = SimpleNamespace(model_config=model, get_supported_tasks=tasks)

    with pytest.raises(ValueError, match=words):
        await VllmEmbedding.over(engine)
