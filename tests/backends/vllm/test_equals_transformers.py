"""The number is right: what vLLM answers through us is what the weights answer offline."""

import asyncio

import pytest

from backends.base import ChatBackend
from tests.backends.vllm.conftest import Reference
from tests.backends.vllm.dialogue import ask, finish, generation, logprobs, text

SUMS = [f"What is {a} plus {b}?" for a, b in zip(range(3, 90, 6), range(95, 5, -6), strict=True)]
DIFFERENCES = [
    f"Calculate {a} - {b}" for a, b in zip(range(99, 49, -5), range(2, 42, 4), strict=True)
]
OTHERS = [
    "Repeat the word horse",
    'Reverse "table"',
    "What is the capital of Norway?",
    "Count to ten",
    "Write a haiku",
    "Tell me a story",
    "zzyzx öäü 東京?",
]


async def test_greedy_answers_are_those_of_transformers(
    backend: ChatBackend, reference: Reference
) -> None:
    """Text and number of tokens are the same for every prompt, also when all run at once."""
    questions = [*SUMS, *DIFFERENCES, *OTHERS]

    answers = await asyncio.gather(*(ask(backend, q, temperature=0.0) for q in questions))

    assert len(questions) >= 30
    got = [(text(items), finish(items).completion_tokens) for items in answers]
    assert got == [reference.greedy(question) for question in questions]


async def test_the_prompt_is_the_chat_template(backend: ChatBackend, reference: Reference) -> None:
    """Prompt tokens are counted over the rendered template, special tokens included."""
    items = await ask(backend, "What is 3 plus 4?")

    assert finish(items).prompt_tokens == reference.prompt("What is 3 plus 4?").shape[1]


async def test_logprobs_are_those_of_transformers(
    backend: ChatBackend, reference: Reference
) -> None:
    """The most probable tokens and their log probabilities come from the weights alone."""
    question = "What is 12 plus 30?"
    expected = reference.first_logprobs(question)

    first = logprobs(await ask(backend, question, temperature=1.7, seed=5, top_logprobs=5))[0]

    best = expected.topk(5)
    assert [token.token for token in first.top] == [
        reference.tokenizer.decode([i]) for i in best.indices
    ]
    assert [token.logprob for token in first.top] == pytest.approx(best.values.tolist(), abs=1e-3)


async def test_a_slow_reader_gets_the_same_text(backend: ChatBackend) -> None:
    """Pieces that wait for their reader are joined, and none is lost."""
    question = "Tell me a story"
    at_once = await ask(backend, question, temperature=0.0)

    slowly = []
    async for item in backend.generate(generation(question, temperature=0.0)):
        slowly.append(item)
        await asyncio.sleep(0.05)

    assert text(slowly) == text(at_once)
    assert finish(slowly) == finish(at_once)
