"""The tokens of an answer, and the failure of a backend that does not end it."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from backends.base import Finish, TextDelta
from shim.api.chat.answer import completion
from shim.api.chat.stream import chunks
from shim.api.completions.answer import completion as text_completion
from shim.api.completions.stream import events as text_events
from shim.api.generation.heading import Heading
from shim.api.generation.protocol import CompletionTokensDetails, PromptTokensDetails, Usage
from shim.api.generation.usage import Unfinished, usage
from shim.api.responses.answer import initial_response, response
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.stream import events

HEADING = Heading("id", 1, "model", "fingerprint")
INITIAL = initial_response(ResponsesRequest(input="x"), model="model")
DELTA = TextDelta(index=0, text="a")


def finish(index: int, **more: Any) -> Finish:
    """Return the end of choice *index* of a prompt of 5 tokens, after 2 tokens."""
    return Finish(index=index, reason="stop", prompt_tokens=5, completion_tokens=2, **more)


def test_a_prompt_counts_once() -> None:
    """Two prompts with two choices each: the tokens of two prompts and of four completions."""
    total = usage([finish(0), finish(1), finish(0), finish(1)])

    assert total == Usage(prompt_tokens=10, completion_tokens=8, total_tokens=18)


def test_details() -> None:
    """Reasoning is added up over the choices; the recording belongs to the prompt."""
    total = usage([finish(index, reasoning_tokens=1, audio_tokens=3) for index in (0, 1)])

    assert total.completion_tokens_details == CompletionTokensDetails(reasoning_tokens=2)
    assert total.prompt_tokens_details == PromptTokensDetails(audio_tokens=3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: completion(HEADING, [DELTA]),
        lambda: text_completion(HEADING, [(0, DELTA)], n=1),
        lambda: response(INITIAL, [DELTA]),
    ],
)
def test_a_whole_answer_without_an_end(make: Callable[[], object]) -> None:
    """Items without a `Finish` are a failure with a name, on every text route."""
    with pytest.raises(Unfinished):
        make()


async def unfinished(item: Any) -> AsyncGenerator[Any, None]:
    """Yield *item* and end."""
    yield item


@pytest.mark.parametrize(
    "stream",
    [
        lambda: chunks(HEADING, unfinished(DELTA), include_usage=False),
        lambda: text_events(HEADING, unfinished((0, DELTA)), n=1, include_usage=False),
        lambda: events(INITIAL, unfinished(DELTA)),
    ],
)
async def test_a_stream_without_an_end(stream: Callable[[], AsyncGenerator[Any, None]]) -> None:
    """A stream sends what it has, then fails, so that a cut answer does not look complete."""
    items = stream()
    await anext(items)

    with pytest.raises(Unfinished):
        _ = [item async for item in items]
