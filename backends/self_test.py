"""Self-tests of the backends: the smallest real request to each kind of engine.

A model that loads does not always answer: a library whose interface has changed, or a device with
too little memory, shows only at the first request.
"""

import asyncio
import io
import math
import struct
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from .base import (
    ChatBackend,
    EmbeddingBackend,
    EmbeddingJob,
    Generation,
    Job,
    Sampling,
    SpeechBackend,
)
from .failures import AudioTooLong, PromptTooLong

_PATIENCE = 300.0
"""Seconds that an answer may take: a large model's first call on a CPU may take a minute."""

_RATE = 22_050
"""Samples per second of the test recording: not the engine's own rate, so that FFmpeg has to open
the file and resample it."""
_PITCH = 440.0
"""Hertz of the tone in the test recording."""
_AMPLITUDE = 8_000
"""Largest sample of the tone, out of 32,767."""


async def one_token(backend: ChatBackend) -> None:
    """Generate one token. Raises what `generate` raises, and TimeoutError after five minutes.

    A context that is too short for the request passes: the operator has configured it.
    """
    sampling = Sampling(max_tokens=1, temperature=0.0)
    generation = Generation(prompt="1", sampling=sampling, stream=False)
    await _exhaust(backend.generate(generation), allowed=PromptTooLong)


async def one_vector(backend: EmbeddingBackend) -> None:
    """Embed one text. Raises what `embed` raises, and TimeoutError after five minutes."""
    await _exhaust(backend.embed(EmbeddingJob(input="1")), allowed=PromptTooLong)


async def one_second(backend: SpeechBackend, job: Job) -> None:
    """Transcribe a second of sound as *job* says: the least work that reaches the engine.

    Raises what `prepare` and `transcribe` raise, TimeoutError after five minutes. A limit below one
    second is the operator's choice and not a failure.
    """
    transcript = backend.transcribe(io.BytesIO(recording()), backend.prepare(job))
    await _exhaust(transcript, allowed=AudioTooLong)


def recording() -> bytes:
    """Return half a second of silence and half a second of a tone, as a WAV file."""
    silence, tone = [0] * (_RATE // 2), map(_sample, range(_RATE // 2))
    samples = [*silence, *tone]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE)
        writer.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


def _sample(index: int) -> int:
    return round(_AMPLITUDE * math.sin(2 * math.pi * _PITCH * index / _RATE))


async def _exhaust(items: AsyncGenerator[Any, None], *, allowed: type[Exception]) -> None:
    """Read all *items*; ignore an exception of the type *allowed*."""
    try:
        async with asyncio.timeout(_PATIENCE), aclosing(items):
            async for _ in items:
                pass
    except allowed:
        return
