"""What the server hears through the stock client, beside what faster-whisper hears offline."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from openai import AsyncOpenAI

from tests.fidelity.transcripts import Transcript
from tests.real.offline import transcript

IN_FLIGHT = 8

SURE: dict[str, Any] = {"extra_body": {"temperatures": "0"}}
"""Without the ladder's random draws, which what is hard to hear would come to."""
SURE_OFFLINE: dict[str, Any] = {"temperature": [0.0]}

WORDS: dict[str, Any] = {
    "response_format": "verbose_json",
    "timestamp_granularities": ["segment", "word"],
}


class Case(NamedTuple):
    """A request, and its like offline."""

    audio: bytes
    online: dict[str, Any]
    offline: dict[str, Any]


async def online(client: AsyncOpenAI, model: Path, cases: Sequence[Case]) -> list[Any]:
    """Return the answers to all *cases*, 8 in flight."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(case: Case) -> Any:
        async with slots:
            return await client.audio.transcriptions.create(
                model=model.name, file=case.audio, **case.online
            )

    return await asyncio.gather(*map(one, cases))


async def both(
    client: AsyncOpenAI, model: Path, cases: Sequence[Case]
) -> list[tuple[Any, Transcript]]:
    """Return each case's answer and what *model* hears offline; both sides work meanwhile."""

    def offline() -> list[Transcript]:
        return [transcript(model, case.audio, **case.offline) for case in cases]

    answers, expected = await asyncio.gather(
        online(client, model, cases), asyncio.to_thread(offline)
    )
    return list(zip(answers, expected, strict=True))
