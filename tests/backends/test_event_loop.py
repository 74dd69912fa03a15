"""Requests at their limits do not stop the event loop, on which all others are served.

Most of these stopped it for 0.1 to 4 s before prompts were read in threads.
"""

import gc
from collections.abc import AsyncIterator
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest
import pytest_asyncio

from backends.base import (
    ChatBackend,
    EmbeddingBackend,
    EmbeddingJob,
    Finish,
    Generation,
    Prompt,
    PromptEcho,
    Sampling,
    TextDelta,
)
from backends.conversation import Conversation, Message
from backends.failures import PromptTooLong
from tests.backends.opener import Opener
from tests.watchdog import loop_watched, tried_again

LONGEST = 0.07
"""Seconds: twice the longest stop that is seen on two cores with ten busy processes."""
MILLION = 1_000_000


@pytest_asyncio.fixture
async def ct2(opener: Opener) -> AsyncIterator[ChatBackend]:
    """Open the built-in chat model, with everything loaded that its first request loads."""
    backend = await opener.open("ct2")
    assert isinstance(backend, ChatBackend)
    await answer(backend, "one", max_tokens=1, top_logprobs=20)
    # As the server does: a collection of all that the tests have loaded stops every thread.
    gc.collect()
    gc.freeze()
    yield backend
    gc.unfreeze()


async def answer(
    backend: ChatBackend, prompt: Prompt, *, echo: bool = False, **more: Any
) -> list[Any]:
    """Return all items of the answer to *prompt*."""
    sampling = Sampling(temperature=0.0, **more)
    request = Generation(prompt=prompt, sampling=sampling, echo=echo)
    return [item async for item in backend.generate(request)]


def chat(*contents: str) -> Conversation:
    """Return a conversation of these *contents*."""
    return Conversation(tuple(Message(role="user", content=content) for content in contents))


def named(name: str) -> Conversation:
    """Return a conversation with somebody of this *name*."""
    return Conversation((Message(role="user", content="a", name=name),))


@pytest.mark.parametrize(
    "prompt",
    [
        pytest.param("a" * MILLION, id="text"),
        pytest.param(chat("a" * MILLION), id="message"),
        pytest.param(chat("a" * 200_000), id="message that is rendered"),
        pytest.param(chat(*["a b"] * 8192), id="messages"),
        pytest.param(named("a" * MILLION), id="name"),
        pytest.param(" " * MILLION, id="whitespace"),
        pytest.param("😀" * MILLION, id="emoji"),
        pytest.param((50,) * MILLION, id="ids"),
    ],
)
@tried_again
async def test_a_prompt_far_too_long(ct2: ChatBackend, prompt: Prompt) -> None:
    """It is refused in OpenAI's words, without a stop."""
    async with loop_watched() as lag:
        with pytest.raises(PromptTooLong, match="maximum context length is 2048 tokens"):
            await answer(ct2, prompt)

    assert lag.longest < LONGEST


@pytest.mark.parametrize("unit", ["a", "😀", "the quick brown fox ", "一"])
@tried_again
async def test_a_text_of_the_tokenizers_limit(ct2: ChatBackend, unit: str) -> None:
    """A text of 1 MiB becomes tokens, each of these a text, and half a million ids one text."""
    text = unit * ((1 << 20) // len(unit.encode()))

    async with loop_watched() as lag:
        tokens = await ct2.tokenize(text, add_special_tokens=False)
        texts = await ct2.token_texts(tuple(tokens))
        back = await ct2.detokenize(tuple(tokens[: 1 << 19]))

    assert text.startswith(back.rstrip("\ufffd"))
    assert len(texts) == len(tokens)
    assert lag.longest < LONGEST


@tried_again
async def test_the_log_probabilities_of_a_full_context(ct2: ChatBackend) -> None:
    """An echo of 2,040 tokens, with 20 rivals of each."""
    async with loop_watched() as lag:
        echo, *_ = await answer(ct2, (50,) * 2040, echo=True, max_tokens=1, top_logprobs=20)

    assert isinstance(echo, PromptEcho)
    assert [len(weighed.top) for weighed in echo.logprobs if weighed] == [20] * 2039
    assert lag.longest < LONGEST


@tried_again
async def test_the_log_probabilities_of_128_choices(ct2: ChatBackend) -> None:
    """Each token of each of them has 20 rivals."""
    async with loop_watched() as lag:
        items = await answer(ct2, "one two", n=128, max_tokens=16, top_logprobs=20)

    assert sum(isinstance(item, Finish) for item in items) == 128
    assert lag.longest < LONGEST


@tried_again
async def test_128_choices_of_a_full_context(ct2: ChatBackend) -> None:
    """They share the engine's state of the prompt: one by one they took 9 GB, and a minute."""
    before = getrusage(RUSAGE_SELF).ru_maxrss

    async with loop_watched() as lag:
        items = await answer(ct2, (50,) * 2040, n=128, max_tokens=2)

    assert sum(isinstance(item, Finish) for item in items) == 128
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 2 << 20  # in KiB
    assert lag.longest < LONGEST


@tried_again
async def test_the_fake_engine_counts_no_further_than_its_context(opener: Opener) -> None:
    """Five million words are refused, or truncated, without a list of them."""
    words = "a " * 5_000_000
    fake, vectors = await opener.open("fake-chat"), await opener.open("fake-embedding")
    assert isinstance(fake, ChatBackend)
    assert isinstance(vectors, EmbeddingBackend)

    async with loop_watched() as lag:
        for prompt in (words, chat(words)):
            with pytest.raises(PromptTooLong, match="maximum context length is 1024 tokens"):
                await answer(fake, prompt)
        with pytest.raises(PromptTooLong):
            await anext(vectors.embed(EmbeddingJob(input=words)))
        job = EmbeddingJob(input=words, truncate_prompt_tokens=-1)
        vector = await anext(vectors.embed(job))

    assert vector.prompt_tokens == 1024
    assert lag.longest < LONGEST


async def test_choices_are_what_each_would_be_alone(ct2: ChatBackend) -> None:
    """Sharing the prompt changes nothing, with a penalty for repetition neither."""
    for penalty in (1.0, 1.3):
        more = {"max_tokens": 30, "repetition_penalty": penalty}
        alone = written(await answer(ct2, chat("Repeat the word horse."), **more), 0)

        items = await answer(ct2, chat("Repeat the word horse."), n=3, **more)

        assert alone
        assert [written(items, index) for index in range(3)] == [alone] * 3


def written(items: list[Any], index: int) -> str:
    """Return the text of choice *index*."""
    return "".join(i.text for i in items if isinstance(i, TextDelta) and i.index == index)
