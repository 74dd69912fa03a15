"""SmolLM2: transformers, CTranslate2 and vLLM write one text, and weigh every token alike."""

import asyncio
import json
import random
from typing import Any

import jsonschema_rs
import pytest
from openai import AsyncOpenAI

from tests.fidelity.scores import assert_scores, scored
from tests.fidelity.scores import client as http_client
from tests.live import LiveServer
from tests.weights import Weights

QUESTIONS = [
    "What is the capital of France?",
    "Write a haiku about the sea.",
    "How many legs does a spider have? Answer in a sentence.",
    "Was ist die Hauptstadt von Österreich?",
    "Write a Python function that reverses a string.",
    "Name three colours, separated by commas.",
    "Translate to Spanish: good morning, my friend.",
    "What is 17 plus 25?",
    "Why is the sky blue?",
    "日本の首都はどこですか。",
    "Continue: Once upon a time, in a small village by the sea,",
    "Is 😀 a happy face? Answer yes or no.",
    "List the planets of the solar system.",
    "Explain photosynthesis to a child.",
]
MAX_TOKENS = 64

FEW = [
    "The quick brown fox jumps over the lazy dog.",
    "<|im_start|>user\nWho wrote Hamlet?<|im_end|>\n<|im_start|>assistant\nWilliam Shakespeare",
    "für 東京 😀 1234",
]
SUBJECTS = ("The capital of France", "My dog", "The best way to learn", "Ein Haus", "x = [1, 2]; x")
VERBS = ("is", "was never", "can be", "wird", "==", "should have been")
ENDS = (
    "Paris",
    "a very long walk",
    "three 😀",
    "東京",
    "0.5",
    "better than all that came before it",
)


def prompts() -> list[str]:
    """Return 80 texts of 6 to 81 tokens, the same in every run."""
    draw = random.Random(16)  # noqa: S311

    def sentence() -> str:
        return " ".join(draw.choice(part) for part in (SUBJECTS, VERBS, ENDS))

    return [" and ".join(sentence() for _ in range(draw.randint(1, 6))) for _ in range(80)]


async def ask(client: AsyncOpenAI, question: str, **options: Any) -> Any:
    """Return the greedy answer."""
    return await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=MAX_TOKENS,
        **options,
    )


async def assert_greedy(client: AsyncOpenAI, weights: Weights, questions: list[str]) -> None:
    """Compare answers, and their tokens, with those of transformers."""
    answers = await asyncio.gather(*(ask(client, question) for question in questions))

    for question, answer in zip(questions, answers, strict=True):
        text, *tokens = weights.greedy(question, max_tokens=MAX_TOKENS)
        # Of a character that the last token leaves unfinished, transformers makes this one.
        assert answer.choices[0].message.content == text.rstrip("\ufffd"), question
        assert [answer.usage.prompt_tokens, answer.usage.completion_tokens] == tokens, question


async def assert_scored(server: LiveServer, weights: Weights, texts: list[str]) -> None:
    """Compare the log probability of each token of *texts* with that of transformers."""
    async with http_client(server) as http:
        found = await asyncio.gather(*(scored(http, text, max_tokens=0) for text in texts))

    for text, (logprobs,) in zip(texts, found, strict=True):
        assert_scores(logprobs, weights.ids(text), weights, written=0)


async def test_ct2(client: AsyncOpenAI, real_server: LiveServer, weights: Weights) -> None:
    """CTranslate2 answers a few questions, and weighs a few texts, as transformers does."""
    await assert_greedy(client, weights, QUESTIONS[:3])
    await assert_scored(real_server, weights, FEW)


@pytest.mark.real
async def test_ct2_answers(client: AsyncOpenAI, weights: Weights) -> None:
    """All greedy answers of CTranslate2 are those of transformers."""
    await assert_greedy(client, weights, QUESTIONS)


@pytest.mark.real
async def test_ct2_scores(real_server: LiveServer, weights: Weights) -> None:
    """All tokens are weighed by CTranslate2 as by transformers."""
    await assert_scored(real_server, weights, prompts())


@pytest.mark.real
async def test_vllm_answers(vllm_client: AsyncOpenAI, weights: Weights) -> None:
    """All greedy answers of vLLM are those of transformers."""
    await assert_greedy(vllm_client, weights, QUESTIONS)


@pytest.mark.real
async def test_vllm_scores(real_vllm: LiveServer, weights: Weights) -> None:
    """All tokens are weighed by vLLM as by transformers."""
    await assert_scored(real_vllm, weights, prompts())


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Returns the weather in a city.",
        "parameters": CITY,
        "strict": True,
    },
}
PLACES = ["Paris", "Tokyo", "Buenos Aires"]


@pytest.mark.real
@pytest.mark.parametrize("who", ["Anna, who is 30", "a king of 77", "nobody at all"])
async def test_json_schema(vllm_client: AsyncOpenAI, who: str) -> None:
    """An answer under a strict schema is JSON of that schema."""
    wanted = {"name": "person", "strict": True, "schema": PERSON}

    answer = await ask(
        vllm_client,
        f"Describe {who} as JSON.",
        response_format={"type": "json_schema", "json_schema": wanted},
    )

    jsonschema_rs.validate(PERSON, json.loads(answer.choices[0].message.content))


@pytest.mark.real
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}], ids=str
)
async def test_tool_calls(vllm_client: AsyncOpenAI, choice: Any, place: str) -> None:
    """A demanded call of a strict tool has the tool's name, and arguments of its schema."""
    answer = await ask(
        vllm_client,
        f"What is the weather in {place}?",
        tools=[TOOL],
        tool_choice=choice,
        parallel_tool_calls=False,
    )

    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    jsonschema_rs.validate(CITY, json.loads(call.function.arguments))
