"""A harness: the stock client with its own retries, many samples in flight, a line for each.

    python -m tools.night.client URL FIRST STEP COUNT IN_FLIGHT

sends the samples FIRST, FIRST + STEP, … below COUNT.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Iterable
from dataclasses import asdict, dataclass

import httpx2
import openai
from openai import AsyncOpenAI

from .samples import Sample

TIMEOUT = 20.0
"""Seconds without a byte after which the client gives an attempt up."""

RETRIES = 3


@dataclass(frozen=True)
class Result:
    """What came of one sample."""

    number: int
    right: bool = False
    error: str = ""
    """Why there is no answer; empty if there is one."""


def connected(url: str) -> AsyncOpenAI:
    """Return the stock client of the server at *url*, with 3 retries and no limit of its own."""
    http = openai.DefaultAsyncHttpxClient(limits=httpx2.Limits(max_connections=None))
    return AsyncOpenAI(
        base_url=url, api_key="none", timeout=TIMEOUT, max_retries=RETRIES, http_client=http
    )


async def results(
    client: AsyncOpenAI, samples: Iterable[Sample], in_flight: int
) -> AsyncGenerator[Result, None]:
    """Yield a result for each of *samples*, of which so many are in flight, as it arrives."""
    left = iter(samples)
    done: asyncio.Queue[Result | None] = asyncio.Queue()

    async def work() -> None:
        for sample in left:
            done.put_nowait(await _result(client, sample))
        done.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(work())
        running = in_flight
        while running:
            if (result := await done.get()) is None:
                running -= 1
            else:
                yield result


async def _result(client: AsyncOpenAI, sample: Sample) -> Result:
    try:
        answer = await _answer(client, sample)
    except (openai.OpenAIError, httpx2.TransportError) as error:
        return Result(sample.number, error=repr(error))
    return Result(sample.number, right=answer == sample.answer)


async def _answer(client: AsyncOpenAI, sample: Sample) -> str:
    match sample.kind:
        case "speech":
            transcript = await client.audio.transcriptions.create(
                model="speech", file=("night.wav", sample.recording)
            )
            return transcript.text
        case "stream":
            return await _streamed(client, sample)
        case "chat":
            chat = await client.chat.completions.create(
                model="chat", messages=[{"role": "user", "content": sample.answer}]
            )
            return chat.choices[0].message.content or ""


async def _streamed(client: AsyncOpenAI, sample: Sample) -> str:
    """Return the text of a streamed chat, or of the part of it that came before its finish."""
    stream = await client.chat.completions.create(
        model="chat", messages=[{"role": "user", "content": sample.answer}], stream=True
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def main(url: str, first: int, step: int, count: int, in_flight: int) -> None:
    """Print the results, a JSON object a line."""
    samples = map(Sample, range(first, count, step))
    async with connected(url) as client:
        async for result in results(client, samples, in_flight):
            print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
