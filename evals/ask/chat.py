"""Dialogues: one chat completion each, whole or streamed."""

import time
from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from evals.ask.retries import Tries, send, unbroken
from evals.ask.streams import events
from evals.ask.task import Task
from evals.dataset import Dialogue
from evals.failures import NoText, StreamCut
from evals.result import Answer


async def ask(client: AsyncOpenAI, task: Task, sample: Dialogue, tries: Tries) -> Answer:
    """Ask for one completion. Raises openai.APIError, NoText, StreamCut, NotStreamed."""
    request = body(task, sample)
    if not task.stream:
        return await _whole(client, request, tries)
    start = time.perf_counter()
    return await unbroken(
        lambda: _streamed(client, request, tries, start),
        max_retries=client.max_retries,
        tries=tries,
    )


def body(task: Task, sample: Dialogue) -> dict[str, Any]:
    """Return the arguments of `chat.completions.create`; what was not asked for is not sent."""
    system = [] if task.prompt is None else [{"role": "system", "content": task.prompt}]
    optional = {
        "temperature": task.temperature,
        # The older name: every server knows it, OpenAI's reasoning models excepted.
        "max_tokens": task.max_tokens,
        "seed": task.seed,
        "extra_body": task.extra or None,
    }
    if task.stream:
        optional |= {"stream": True, "stream_options": {"include_usage": True}}
    return {
        "model": task.model,
        "messages": system + sample.messages,
        **{name: value for name, value in optional.items() if value is not None},
    }


async def _whole(client: AsyncOpenAI, request: dict[str, Any], tries: Tries) -> Answer:
    response = await send(client.chat.completions.with_raw_response.create(**request), tries)
    completion = response.parse()
    # The SDK hands over whatever came: a string for HTML, None for missing fields.
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        raise NoText("not a chat completion", request_id=response.request_id)
    choice = completion.choices[0]
    text = getattr(choice.message, "content", None)
    if not isinstance(text, str):
        raise NoText(
            f"no text (finish_reason {choice.finish_reason})", request_id=response.request_id
        )
    return Answer(
        text=text,
        model=completion.model,
        finish_reason=choice.finish_reason,
        request_id=response.request_id,
        **tokens(completion.usage),
    )


async def _streamed(
    client: AsyncOpenAI, request: dict[str, Any], tries: Tries, start: float
) -> Answer:
    response = await send(client.chat.completions.with_raw_response.create(**request), tries)
    parts: list[str] = []
    found: dict[str, Any] = {"request_id": response.request_id}
    async for chunk in events(response):
        found |= tokens(chunk.usage) | {"model": chunk.model}
        for choice in chunk.choices[:1]:
            found["finish_reason"] = choice.finish_reason or found.get("finish_reason")
            if isinstance(choice.delta.content, str):
                parts.append(choice.delta.content)
            if choice.delta.content and "first_token" not in found:
                found["first_token"] = time.perf_counter() - start
    if not found.get("finish_reason"):
        raise StreamCut("the stream ended without a finish_reason", request_id=response.request_id)
    if not parts:
        raise NoText(
            f"no text (finish_reason {found['finish_reason']})", request_id=response.request_id
        )
    return Answer(text="".join(parts), **found)


def tokens(usage: Any) -> dict[str, int]:
    """Return what *usage* really counts; nothing if the server did not say."""
    names = ("prompt_tokens", "completion_tokens")
    counts = {name: getattr(usage, name, None) for name in names}
    return {name: count for name, count in counts.items() if isinstance(count, int)}
