"""Models in a cluster answer as they do in one process."""

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.client.stock import collected, says
from tests.live import CLIPS

QUESTIONS = [f"What is {number} plus {number + 3}?" for number in range(4)]


async def chats(client: Any, **options: Any) -> list[Any]:
    """Return the choices of the answers to all questions, one after the other."""
    given = {"model": "toy-chat", "temperature": 0, "logprobs": True, "top_logprobs": 3, **options}
    return [
        (await client.chat.completions.create(messages=says(question), **given)).choices
        for question in QUESTIONS
    ]


async def streamed(client: Any) -> list[list[Any]]:
    """Return the choices of all chunks of each answer."""
    return [
        [
            chunk.choices
            for chunk in await collected(
                await client.chat.completions.create(
                    model="toy-chat",
                    messages=says(question),
                    stream=True,
                    logprobs=True,
                    temperature=0,
                )
            )
        ]
        for question in QUESTIONS
    ]


@pytest.mark.parametrize("options", [{}, {"n": 2, "stop": "7"}], ids=["one", "n"])
async def test_chats(here: Any, there: Any, options: dict[str, Any]) -> None:
    """Texts, tokens and log probabilities are the same, to the last bit."""
    assert await chats(there, **options) == await chats(here, **options)


async def test_streams(here: Any, there: Any) -> None:
    """So are those of streams, chunk by chunk."""
    assert await streamed(there) == await streamed(here)


async def test_prompts(here: Any, there: Any) -> None:
    """So is the echo of a prompt with the log probability of each of its tokens."""
    given = {"model": "toy-chat", "prompt": "one two three", "echo": True, "logprobs": 2}

    ours, theirs = [
        # Not the typed answer: OpenAI's types have no log probability that is null.
        (await client.completions.with_raw_response.create(**given, max_tokens=0)).text
        for client in (there, here)
    ]

    assert json.loads(ours)["choices"] == json.loads(theirs)["choices"]


async def test_transcriptions(here: Any, there: Any) -> None:
    """So are the segments, words and times of recordings that come at the same time."""
    clips = sorted(CLIPS.glob("en-*"))[:2]

    async def heard(client: Any) -> list[Any]:
        answers = [
            client.audio.transcriptions.create(
                model="toy-speech",
                file=clip,
                response_format="verbose_json",
                timestamp_granularities=["word", "segment"],
                temperature=0,
            )
            for clip in clips
        ]
        return [answer.to_dict() for answer in await asyncio.gather(*answers)]

    assert await heard(there) == await heard(here)


async def test_refusals(here: Any, there: Any) -> None:
    """A request that an engine refuses gets the same status, code and message."""
    refused = []
    for client in (there, here):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.completions.create(model="toy-chat", prompt="word " * 5000)
        refused.append(caught.value.body)

    assert refused[0] == refused[1]
