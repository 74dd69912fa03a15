"""Sends a clip as one transcription, whole or streamed, and returns the answer."""

import asyncio
import time
from typing import Any

from openai import AsyncOpenAI
from openai.types.audio import Transcription

from evals.ask.retries import Tries, send, unbroken
from evals.ask.streams import events
from evals.ask.task import Task
from evals.dataset import Clip
from evals.failures import NoText, StreamCut
from evals.result import Answer


async def ask(client: AsyncOpenAI, task: Task, sample: Clip, tries: Tries) -> Answer:
    """Request one transcription. Raises what `chat.ask` raises, and OSError."""
    data = await asyncio.to_thread(sample.audio.read_bytes)
    request = body(task, sample) | {"file": (sample.audio.name, data)}
    if not task.stream:
        return await _whole(client, request, tries)
    start = time.perf_counter()
    return await unbroken(
        lambda: _streamed(client, request, tries, start),
        max_retries=client.max_retries,
        tries=tries,
    )


def body(task: Task, sample: Clip) -> dict[str, Any]:
    """Return the arguments of `audio.transcriptions.create` but for the recording.

    Options that are None are not sent.
    The clip's own language overrides the task's. A transcription has no `max_tokens` and no `seed`.
    """
    optional = {
        "language": sample.language or task.language,
        "prompt": task.prompt,
        "temperature": task.temperature,
        "stream": task.stream or None,
        "extra_body": task.extra or None,
    }
    return {
        "model": task.model,
        "response_format": "json",
        **{name: value for name, value in optional.items() if value is not None},
    }


async def _whole(client: AsyncOpenAI, request: dict[str, Any], tries: Tries) -> Answer:
    response = await send(client.audio.transcriptions.with_raw_response.create(**request), tries)
    return read(response.parse(), request_id=response.request_id)


def read(answer: Any, *, request_id: str | None) -> Answer:
    """Return the answer in *answer*, what the SDK made of the server's. Raises NoText."""
    text = getattr(answer, "text", None)
    # The SDK does not check the answer: it returns a string for HTML, None for missing fields.
    if not isinstance(answer, Transcription) or not isinstance(text, str):
        raise NoText("not a transcription with a text", request_id=request_id)
    return Answer(text=text, request_id=request_id)


async def _streamed(
    client: AsyncOpenAI, request: dict[str, Any], tries: Tries, start: float
) -> Answer:
    response = await send(client.audio.transcriptions.with_raw_response.create(**request), tries)
    text: str | None = None
    first: float | None = None
    async for event in events(response):
        if event.type == "transcript.text.delta" and first is None:
            first = time.perf_counter() - start
        if event.type == "transcript.text.done":
            # The whole text; the deltas before it may have been corrected.
            text = event.text
    if text is None:
        raise StreamCut("the stream ended without its text", request_id=response.request_id)
    return Answer(text=text, first_token=first, request_id=response.request_id)
