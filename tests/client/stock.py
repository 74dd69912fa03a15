"""OpenAI's own client, synchronous and asynchronous, used by one test body for both."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from inspect import isawaitable, signature
from typing import Any, TypeVar

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.resources.audio import Transcriptions

from tests.live import KEY, LiveServer

T = TypeVar("T")

KINDS = {"sync": OpenAI, "async": AsyncOpenAI}

names_languages = pytest.mark.skipif(
    "languages" not in signature(Transcriptions.create).parameters,
    reason=f"openai {openai.__version__} has no `languages` and `keywords` of transcriptions",
)
"""Of a test that gives the client what only later versions of it take."""


def connect(kind: str, server: LiveServer, **options: Any) -> Any:
    """Build a client that raises where an answer is not what OpenAI's types say."""
    given = {"api_key": KEY, "max_retries": 0, "timeout": 60, **options}
    return KINDS[kind](base_url=server.base_url, _strict_response_validation=True, **given)


async def answered(result: T | Awaitable[T]) -> T:
    """Return what either client's method brings."""
    return await result if isawaitable(result) else result


async def collected(stream: Iterable[T] | AsyncIterable[T]) -> list[T]:
    """Read either client's stream to its end."""
    if isinstance(stream, AsyncIterable):
        return [item async for item in stream]
    return list(stream)


async def first(stream: Any) -> Any:
    """Read one item of either client's stream."""
    return await anext(stream) if isinstance(stream, AsyncIterable) else next(stream)


def says(text: str) -> list[dict[str, str]]:
    """Return a conversation of one message."""
    return [{"role": "user", "content": text}]


async def iterated(stream: Any) -> AsyncIterator[Any]:
    """Yield the items of either client's stream."""
    if isinstance(stream, AsyncIterable):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


@asynccontextmanager
async def opened(manager: Any) -> AsyncIterator[Any]:
    """Enter either client's context manager."""
    if hasattr(manager, "__aenter__"):
        async with manager as inside:
            yield inside
    else:
        with manager as inside:
            yield inside
