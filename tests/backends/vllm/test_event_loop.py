"""Nothing that one request may send keeps the event loop, over a real engine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from backends.base import Generation, JsonFormat, Sampling
from backends.conversation import Conversation, Message, Tool, ToolChoice
from backends.failures import InvalidRequest
from tests.backends.vllm.dialogue import generation
from tests.watchdog import loop_watched, tried_again

if TYPE_CHECKING:
    from backends.vllm.chat import VllmChat

AT_MOST = 0.05
"""Seconds: twice what is measured on a machine that does nothing else."""

Work = Callable[["VllmChat"], Awaitable[Any]]


def answer(request: Generation) -> Work:
    """Return a function that sends *request* and reads its answer."""

    async def work(backend: "VllmChat") -> None:
        items: AsyncIterator[Any] = backend.generate(request)
        async for _ in items:
            pass

    return work


def chat(messages: int, content: str) -> Generation:
    """Return a conversation of so many messages."""
    turns = tuple(
        Message(role=("user", "assistant")[at % 2], content=content) for at in range(messages)
    )
    return Generation(prompt=Conversation(turns), sampling=Sampling(max_tokens=1))


def text(prompt: str | tuple[int, ...], **extras: Any) -> Generation:
    """Return a text to continue."""
    return Generation(prompt=prompt, sampling=Sampling(max_tokens=1), engine_options=extras)


def constrained(**outputs: Any) -> Generation:
    """Return a request that constrains its answer, which has one token."""
    return replace(generation(max_tokens=1), engine_options={"structured_outputs": outputs})


def formatted(schema: dict[str, Any]) -> Generation:
    """Return a request for one token of JSON of *schema*."""
    return replace(generation(max_tokens=1), format=JsonFormat(schema=schema))


def tools(count: int, choice: ToolChoice) -> Generation:
    """Return a request with so many tools."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    made = tuple(Tool(name=f"tool{at}", parameters=schema) for at in range(count))
    request = generation(max_tokens=1)
    assert isinstance(request.prompt, Conversation)
    return replace(request, prompt=replace(request.prompt, tools=made, tool_choice=choice))


WORDS = [f"{at:06}" for at in range(9_900)]
CASES: dict[str, Work] = {
    "messages": answer(chat(4095, "x")),
    "long messages": answer(chat(4095, "What is 3 plus 4? " * 200)),
    "ids that fit": answer(text(tuple([7] * 2000))),
    "ids": answer(text(tuple([7] * 400_000))),
    "text": answer(text("What is 3 plus 4? " * 1_000_000)),
    "truncated": answer(text("What is 3 plus 4? " * 1_000_000, truncate_prompt_tokens=9)),
    "weighed": answer(
        replace(
            text(tuple(4 + at % 1000 for at in range(1000)), prompt_logprobs=20),
            echo=True,
            sampling=Sampling(max_tokens=1, top_logprobs=20),
        )
    ),
    "logit_bias": answer(generation(max_tokens=1, logit_bias=dict.fromkeys(range(1200), 1.0))),
    "tools": answer(tools(128, "none")),
    "choices": answer(constrained(choice=WORDS)),
    "regex": answer(constrained(regex="(a|b)" * 19_000)),
    "alternatives": answer(constrained(regex="|".join(WORDS))),
    "enum": answer(formatted({"enum": WORDS})),
    "properties": answer(
        formatted({"type": "object", "properties": {name: {} for name in WORDS[:4900]}})
    ),
    "beyond the bounds": answer(formatted({"enum": WORDS * 40})),
    "tokenize": lambda backend: backend.tokenize("What is 3 plus 4? " * 14_000),
    "detokenize": lambda backend: backend.detokenize(tuple([7] * 131_072)),
    "token_texts": lambda backend: backend.token_texts(
        tuple(4 + at % 1000 for at in range(131_072))
    ),
}


@pytest.mark.parametrize("case", CASES)
@tried_again
async def test_the_event_loop_turns(backend: "VllmChat", case: str) -> None:
    """Whether it is answered or refused, what a request costs is not paid by others' streams."""
    work = CASES[case]

    async with loop_watched() as lag:
        # Most are too long, and are refused.
        with suppress(InvalidRequest):
            await work(backend)

    assert lag.longest < AT_MOST
