"""An honest client: a stream, and whole answers beside it, again and again.

    python -m tools.attack.bystander PORT CONFIGURATION

Prints a JSON line for each answer: who asked, when by the monotonic clock, the seconds it took, the
text, and null or the error that was left after the stock client's own retries.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openai

from tools.attack.wire import KEY

PAUSE = 0.2
ASKERS = ("stream", "whole")
QUESTIONS = {"builtin": 3}
"""How many different ones there are; two for the other configurations."""
_CLIP = Path(__file__).parents[2] / "evals" / "data" / "clips" / "en-01-espeak-en-us-f4.flac"
_MODELS = {"builtin": "gpt-4o-mini", "fakes": "echo", "keyless": "echo", "vllm": "gpt-4o-mini"}

Ask = Callable[[], Awaitable[str]]


class Bystander:
    """The stock client, with its own retries."""

    def __init__(self, port: int, configuration: str) -> None:
        base = f"http://127.0.0.1:{port}/v1"
        self._client = openai.AsyncOpenAI(base_url=base, api_key=KEY, timeout=60, max_retries=3)
        self._model = _MODELS[configuration]
        self._speaks = configuration == "builtin"

    async def run(self) -> None:
        """Ask until the input ends, or the parent does."""
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        whole: list[Ask] = [self._whole, self._transcription] if self._speaks else [self._whole]
        await asyncio.gather(
            self._asking("stream", [self._stream], ended), self._asking("whole", whole, ended)
        )

    async def _asking(self, asker: str, asks: list[Ask], ended: asyncio.Task[str]) -> None:
        turn = 0
        while not ended.done():
            ask = asks[turn % len(asks)]
            began, text, error = time.monotonic(), "", None
            try:
                text = await ask()
            except openai.OpenAIError as failure:
                error = f"{failure!r:.200}"
            who = f"{asker} {ask.__name__}"
            print(json.dumps([who, began, time.monotonic() - began, text, error]), flush=True)
            turn += 1
            await asyncio.sleep(PAUSE)

    async def _stream(self) -> str:
        stream: Any = await self._client.chat.completions.create(**self._says(3), stream=True)
        pieces = [c.choices[0].delta.content or "" async for c in stream if c.choices]
        return "".join(pieces)

    async def _whole(self) -> str:
        whole: Any = await self._client.chat.completions.create(**self._says(5))
        return str(whole.choices[0].message.content)

    async def _transcription(self) -> str:
        said = await self._client.audio.transcriptions.create(
            model="whisper-1", file=_CLIP, language="en", temperature=0
        )
        return said.text

    def _says(self, number: int) -> dict[str, Any]:
        message = {"role": "user", "content": f"What is {number} plus 4?"}
        return {"model": self._model, "messages": [message], "temperature": 0, "max_tokens": 32}


if __name__ == "__main__":
    asyncio.run(Bystander(int(sys.argv[1]), sys.argv[2]).run())
