"""The same request gets the same answer: alone, repeated, and amid 32 others."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evals.verify import samples
from evals.verify.answers import (
    Answer,
    Comparison,
    of_chat,
    of_embeddings,
    of_response,
    of_text,
    of_transcription,
)
from evals.verify.check import Check
from evals.verify.events import joined
from evals.verify.reply import Reply
from evals.verify.shapes import Chat, Embeddings, Response, Text, Transcription
from evals.verify.target import ECHO, LOGPROBS, Target
from evals.verify.verdict import Findings

Ask = Callable[[], Awaitable[tuple[str, Answer]]]
"""Sends a request; returns its description and the answer."""


async def chats(target: Target, found: Findings) -> None:
    """Chats have the same text, tokens and log probabilities alone, repeated and amid 32 others."""
    await _compare(found, _chats(target), _crowd(target))


async def streamed_chats(target: Target, found: Findings) -> None:
    """Streamed chats add up to the whole answer, alone, repeated and amid 32 others."""
    whole = [await ask() for ask in _chats(target)]
    streamed = [_streamed(target, question) for question in samples.QUESTIONS]
    await _compare(found, streamed, _crowd(target), alone=whole)


async def texts(target: Target, found: Findings) -> None:
    """Continued texts have the same tokens and log probabilities, also amid 32 others."""
    options = {} if target.lacks("echo") else {"logprobs": 1}

    def ask(prompts: Iterable[str]) -> list[Ask]:
        return [_asking(partial(target.text, prompt, **options), _text) for prompt in prompts]

    await _compare(found, ask(samples.TEXTS), ask(samples.OTHERS))


async def weighed_texts(target: Target, found: Findings) -> None:
    """The log probabilities of prompts (echo) are the same alone, repeated and amid 32 others."""
    target.needs("echo")

    def weigh(prompts: Iterable[str]) -> list[Ask]:
        return [_asking(partial(target.text, prompt, **ECHO), _text) for prompt in prompts]

    await _compare(found, weigh(samples.TEXTS), weigh(samples.OTHERS))


async def responses(target: Target, found: Findings) -> None:
    """Responses are the same alone, repeated and amid 32 others."""

    def ask(questions: Iterable[str]) -> list[Ask]:
        return [_asking(partial(target.response, question), _response) for question in questions]

    await _compare(found, ask(samples.QUESTIONS), ask(samples.OTHERS))


async def embeddings(target: Target, found: Findings) -> None:
    """Embeddings have the same coordinates alone, repeated and amid 32 others."""

    def ask(texts: Iterable[str]) -> list[Ask]:
        return [_asking(partial(target.embedding, [text]), _embeddings) for text in texts]

    await _compare(found, ask(samples.TEXTS), ask(samples.OTHERS))


async def transcriptions(target: Target, found: Findings) -> None:
    """Transcriptions have the same text, tokens and times alone, repeated and amid 32 others."""
    options = {} if target.lacks("verbose_json") else {"response_format": "verbose_json"}

    def ask(clips: Iterable[Path]) -> list[Ask]:
        return [
            _asking(partial(target.transcription, clip, **options), _transcription)
            for clip in clips
        ]

    await _compare(found, ask(samples.clips()), ask(samples.other_clips()))


async def _compare(
    found: Findings,
    asks: Sequence[Ask],
    others: Sequence[Ask],
    *,
    alone: Sequence[tuple[str, Answer]] | None = None,
) -> None:
    """Send *asks* one by one, twice, then once in a random order with *others* in flight.

    All answers are compared with *alone*, which is the first of the two if it is not given.
    """
    comparison = Comparison(found)
    first = [await ask() for ask in asks]
    expected = first if alone is None else alone
    again = [await ask() for ask in asks]
    order = random.Random(1).sample(range(len(asks)), len(asks))  # noqa: S311 - no secret
    half = len(others) // 2
    mixed = [*others[:half], *(asks[at] for at in order), *others[half:]]
    answers = await asyncio.gather(*(ask() for ask in mixed))
    crowded = dict(zip(order, answers[half : half + len(asks)], strict=True))
    for at, (request, answer) in enumerate(expected):
        stages = {"alone": first[at], "repeated": again[at], "amid 32 others": crowded[at]}
        for stage, (_, got) in stages.items():
            if alone is not None or stage != "alone":
                comparison.add(f"{stage}: {request}", expected=answer, got=got)
    comparison.note()


def _asking(send: Callable[[], Awaitable[Reply]], read: Callable[[Reply], Answer]) -> Ask:
    async def ask() -> tuple[str, Answer]:
        reply = await send()
        return reply.request, read(reply)

    return ask


def _options(target: Target) -> dict[str, Any]:
    return {} if target.lacks("chat logprobs") else LOGPROBS


def _chats(target: Target) -> list[Ask]:
    options = _options(target)
    return [
        _asking(partial(target.chat, question, **options), _chat) for question in samples.QUESTIONS
    ]


def _streamed(target: Target, question: str) -> Ask:
    options = _options(target)
    return _asking(partial(target.chat, question, stream=True, **options), _stream)


def _crowd(target: Target) -> list[Ask]:
    """Return chats of two kinds in turn: whole, and streamed."""
    return [
        _streamed(target, question)
        if at % 2
        else _asking(partial(target.chat, question, max_tokens=40), _chat)
        for at, question in enumerate(samples.OTHERS)
    ]


def _chat(reply: Reply) -> Answer:
    return of_chat(reply.read(Chat))


def _stream(reply: Reply) -> Answer:
    return of_chat(joined(reply))


def _text(reply: Reply) -> Answer:
    return of_text(reply.read(Text))


def _response(reply: Reply) -> Answer:
    return of_response(reply.read(Response))


def _embeddings(reply: Reply) -> Answer:
    return of_embeddings(reply.read(Embeddings))


def _transcription(reply: Reply) -> Answer:
    return of_transcription(reply.read(Transcription))


CHECKS = (
    Check("determinism", ("chat",), chats),
    Check("determinism", ("chat",), streamed_chats),
    Check("determinism", ("text",), texts),
    Check("determinism", ("text",), weighed_texts),
    Check("determinism", ("responses",), responses),
    Check("determinism", ("embeddings",), embeddings),
    Check("determinism", ("transcriptions",), transcriptions),
)
