"""Requests that CTranslate2 computes together: their answers are those of each alone."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from backends.base import (
    Batch,
    ChatBackend,
    Finish,
    Generation,
    PromptEcho,
    Sampling,
    TextDelta,
    TokenLogprob,
)
from backends.config import Ct2ModelConfig, Ct2Options
from backends.ct2 import batched_calls
from backends.ct2.logprobs import LogprobReader
from backends.ct2.steps import Steps
from backends.failures import EngineDead
from backends.registry import adapter
from tests.backends.test_contract import answer, generation, text
from tests.live import BUILTIN

WITHIN = 1e-4
"""Largest difference of a log probability: the order of a sum rounds otherwise."""

QUESTIONS = [
    "Count to ten",
    "What is 3 plus 4?",
    "Repeat the word horse.",
    "Repeat these words in the same order: one two three four five six seven.",
    "Count to ten",
    "Name a colour.",
    "What is the capital of France, and what is the capital of Italy?",
]


class Opened:
    """The built-in model, and the batches that it has computed."""

    def __init__(self, backend: ChatBackend, batches: list[Batch]) -> None:
        self.backend = backend
        self.batches = batches

    async def alone(self, requests: list[Generation]) -> list[list[Any]]:
        """Return the answers to *requests*, one after the other."""
        return [await answer(self.backend, request) for request in requests]

    async def together(self, requests: list[Generation]) -> list[list[Any]]:
        """Return the answers to *requests*, in flight at once."""
        return await asyncio.gather(*(answer(self.backend, request) for request in requests))

    async def largest(self) -> int:
        """Return the size of the largest batch."""
        await answer(self.backend, generation(max_tokens=1))  # those before it are then reported
        return max(batch.size for batch in self.batches)


@asynccontextmanager
async def opening(**options: Any) -> AsyncGenerator[Opened, None]:
    """Open the model with these options."""
    batches: list[Batch] = []
    config = Ct2ModelConfig(
        id="ct2", source=str(BUILTIN / "chat"), options=Ct2Options(intra_threads=1, **options)
    )
    async with adapter(config, lambda _, batch: batches.append(batch)) as backend:
        assert isinstance(backend, ChatBackend)
        yield Opened(backend, batches)


@pytest_asyncio.fixture(params=[64, 0])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    """Open the model with batches of unlike prompts, and with those of equal lengths only."""
    async with opening(max_length_difference=request.param) as found:
        yield found


def logprobs(items: list[Any], index: int = 0) -> list[TokenLogprob]:
    """Return the log probabilities of the tokens of choice *index*."""
    deltas = (i for i in items if isinstance(i, TextDelta) and i.index == index)
    return [weighed for delta in deltas for weighed in delta.logprobs]


def assert_equal(found: list[TokenLogprob], expected: list[TokenLogprob]) -> None:
    """Compare tokens, their log probabilities, and those of their rivals."""
    assert [w.drawn.token for w in found] == [w.drawn.token for w in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.drawn.logprob == pytest.approx(other.drawn.logprob, abs=WITHIN)
        assert [rival.logprob for rival in one.top] == pytest.approx(
            [rival.logprob for rival in other.top], abs=WITHIN
        )


@pytest.mark.parametrize(
    "options", [{}, {"top_logprobs": 3}, {"repetition_penalty": 1.3}, {"n": 2, "top_logprobs": 0}]
)
async def test_batched_is_as_alone(opened: Opened, options: dict[str, Any]) -> None:
    """Prompts and limits of unlike lengths: the same texts, ends, counts and log probabilities."""
    limits = (40, 3, 40, 25, 1, 40, 40)
    requests = [
        generation(question, max_tokens=limit, **options)
        for question, limit in zip(QUESTIONS, limits, strict=True)
    ] * 3
    alone = await opened.alone(requests)
    opened.batches.clear()

    together = await opened.together(requests)

    assert await opened.largest() > 2
    for found, expected in zip(together, alone, strict=True):
        for index in range(options.get("n", 1)):
            assert text(found, index) == text(expected, index)
            assert_equal(logprobs(found, index), logprobs(expected, index))
        finishes = [[i for i in items if isinstance(i, Finish)] for items in (found, expected)]
        assert sorted(finishes[0], key=str) == sorted(finishes[1], key=str)


async def test_prompts_of_one_token(opened: Opened) -> None:
    """They share no batch with longer ones, in which the engine would count the prompts' tokens."""
    prompts = [(50,), (50, 60), (70,), (50, 60, 70), (50,), (60, 70)] * 2
    sampling = Sampling(temperature=0.0, max_tokens=5, top_logprobs=1)
    requests = [Generation(prompt=prompt, sampling=sampling) for prompt in prompts]
    alone = await opened.alone(requests)

    together = await opened.together(requests)

    for found, expected in zip(together, alone, strict=True):
        assert_equal(logprobs(found), logprobs(expected))


async def test_echoes(opened: Opened) -> None:
    """Log probabilities of whole prompts, as evaluators request them by the hundreds."""
    prompts = [tuple(range(50, 50 + length)) for length in (1, 2, 9, 12, 12, 30, 31, 40)] * 3
    sampling = Sampling(temperature=0.0, max_tokens=0, top_logprobs=2)
    requests = [Generation(prompt=p, sampling=sampling, echo=True) for p in prompts]
    alone = await opened.alone(requests)
    opened.batches.clear()

    together = await opened.together(requests)

    assert await opened.largest() > 2
    for (found, _), (expected, _) in zip(together, alone, strict=True):
        assert isinstance(found, PromptEcho)
        assert found.tokens == expected.tokens
        assert found.logprobs[0] is None
        assert_equal(list(found.logprobs[1:]), list(expected.logprobs[1:]))


async def test_int8_is_exact() -> None:
    """In int8, where a last bit can change a text, requests in flight change not a bit."""
    echoed = Sampling(temperature=0.0, max_tokens=0, top_logprobs=0)
    requests = [
        *(generation(question, max_tokens=20, top_logprobs=0) for question in QUESTIONS),
        *(
            Generation(prompt=tuple(range(50, 50 + length)), sampling=echoed, echo=True)
            for length in (9, 12, 12, 14, 20, 23)
        ),
    ] * 3
    async with opening(compute_type="int8") as opened:
        alone = await opened.alone(requests)
        opened.batches.clear()

        together = await opened.together(requests)

        assert await opened.largest() > 2
    assert [logprobs(items) for items in together] == [logprobs(items) for items in alone]
    assert [[i for i in items if isinstance(i, PromptEcho)] for items in together] == [
        [i for i in items if isinstance(i, PromptEcho)] for items in alone
    ]


async def test_leaving_a_batch(opened: Opened) -> None:
    """A client that leaves takes nothing from the others of its batch, and costs no more steps."""
    request = generation("Repeat the word horse.", max_tokens=40)
    (expected,) = await opened.alone([request])

    async def leave() -> None:
        async with aclosing(opened.backend.generate(request)) as items:
            await anext(items)

    answers = await asyncio.gather(
        *(answer(opened.backend, request) for _ in range(3)), leave(), leave()
    )

    assert [text(items) for items in answers[:3]] == [text(expected)] * 3


async def test_a_faulty_request(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its failure is its own: the others of its batch are answered."""
    read = LogprobReader.token_logprob

    def failing(self: LogprobReader, token: int, logits: Any) -> TokenLogprob:
        if self._top == 7:
            raise ArithmeticError
        return read(self, token, logits)

    monkeypatch.setattr(LogprobReader, "token_logprob", failing)
    requests = [generation(top_logprobs=top) for top in (2, 7, 2)]
    (expected,) = await opened.alone(requests[:1])

    answers = await asyncio.gather(
        *(answer(opened.backend, request) for request in requests), return_exceptions=True
    )

    fine, fault, fine_too = answers
    assert isinstance(fault, ArithmeticError)
    for found in (fine, fine_too):
        assert isinstance(found, list)
        assert_equal(logprobs(found), logprobs(expected))


async def test_an_engine_that_fails_midway(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that has begun fails, instead of beginning again; the next one is complete."""
    take = Steps.take

    def failing(self: Steps, step: Any) -> bool:
        if step.step == 1:
            raise RuntimeError("the device is lost")
        return take(self, step)

    (expected,) = await opened.alone([generation()])

    with monkeypatch.context() as patched:
        patched.setattr(Steps, "take", failing)
        with pytest.raises(EngineDead, match="in the middle"):
            await answer(opened.backend, generation(n=3))

    assert not await opened.backend.ready()
    assert await opened.alone([generation()] * 2) == [expected] * 2
    assert await opened.backend.ready()  # since the end of the first one's batch


async def test_a_late_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that waited too long is computed beside the batch that it waited for."""
    take, begun, answered = Steps.take, threading.Event(), threading.Event()

    def held(self: Steps, step: Any) -> bool:
        if not begun.is_set():
            begun.set()
            assert answered.wait(60)
        return take(self, step)

    monkeypatch.setattr(batched_calls, "_PATIENCE", 0.0)
    monkeypatch.setattr(Steps, "take", held)
    async with opening(max_length_difference=64) as opened:
        early = asyncio.create_task(answer(opened.backend, generation()))
        assert await asyncio.to_thread(begun.wait, 60)

        late = await asyncio.wait_for(answer(opened.backend, generation("Count to ten")), 60)

        answered.set()
        assert text(late)
        assert text(await early)
