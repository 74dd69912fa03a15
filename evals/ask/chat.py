"""Sends a dialogue as one chat completion, whole or streamed, and returns the answer.

A call of a tool is an answer where the sample has tools; else an answer has to have a text.
"""

import time
from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from evals.ask.calls import Calls
from evals.ask.retries import Tries, send, unbroken
from evals.ask.streams import events
from evals.ask.task import Task
from evals.dataset import Dialogue
from evals.failures import NoText, StreamCut
from evals.result import Answer


async def ask(client: AsyncOpenAI, task: Task, sample: Dialogue, tries: Tries) -> Answer:
    """Request one completion. Raises openai.APIError, NoText, StreamCut, NotStreamed."""
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
    """Return the arguments of `chat.completions.create`; options that are None are not sent.

    The sample's own fields override the task's, and both are overridden by *extra*.
    """
    system = [] if task.prompt is None else [{"role": "system", "content": task.prompt}]
    optional = {
        "temperature": task.temperature,
        # The older name: every server knows it but OpenAI's reasoning models.
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
        **sample.fields,
    }


async def _whole(client: AsyncOpenAI, request: dict[str, Any], tries: Tries) -> Answer:
    response = await send(client.chat.completions.with_raw_response.create(**request), tries)
    return read(request, response.parse(), request_id=response.request_id)


def read(request: dict[str, Any], completion: Any, *, request_id: str | None) -> Answer:
    """Return the answer in *completion*, what the SDK made of the answer to *request*.

    Raises NoText.
    """
    # The SDK does not check the answer: it returns a string for HTML, None for missing fields.
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        raise NoText("not a chat completion", request_id=request_id)
    choice = completion.choices[0]
    calls = Calls()
    calls.add(choice.message)
    return _answer(
        request,
        getattr(choice.message, "content", None),
        calls,
        model=completion.model,
        finish_reason=choice.finish_reason,
        request_id=request_id,
        **tokens(completion.usage),
    )


async def _streamed(
    client: AsyncOpenAI, request: dict[str, Any], tries: Tries, start: float
) -> Answer:
    response = await send(client.chat.completions.with_raw_response.create(**request), tries)
    parts: list[str] = []
    calls = Calls()
    fields: dict[str, Any] = {"request_id": response.request_id}
    async for chunk in events(response):
        fields |= tokens(chunk.usage) | {"model": chunk.model}
        for choice in chunk.choices[:1]:
            fields["finish_reason"] = choice.finish_reason or fields.get("finish_reason")
            calls.add(choice.delta)
            if isinstance(choice.delta.content, str):
                parts.append(choice.delta.content)
            if choice.delta.content and "first_token" not in fields:
                fields["first_token"] = time.perf_counter() - start
    if not fields.get("finish_reason"):
        raise StreamCut("the stream ended without a finish_reason", request_id=response.request_id)
    return _answer(request, "".join(parts) if parts else None, calls, **fields)


def _answer(request: dict[str, Any], text: Any, calls: Calls, **fields: Any) -> Answer:
    """Return the answer. Raises NoText if it has no text, nor a call where *request* has tools."""
    called = calls.read() if "tools" in request else None
    if not isinstance(text, str) and not called:
        raise NoText(
            f"no text (finish_reason {fields['finish_reason']})", request_id=fields["request_id"]
        )
    return Answer(text=text if isinstance(text, str) else "", tool_calls=called, **fields)


def tokens(usage: Any) -> dict[str, Any]:
    """Return the counts that *usage* holds; a count that the server did not send is left out."""
    names = ("prompt_tokens", "completion_tokens")
    counts = {name: getattr(usage, name, None) for name in names}
    return {name: count for name, count in counts.items() if isinstance(count, int)}
