"""Sends requests through the stock client, and keeps the bytes of the answers."""

import asyncio
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import msgspec
import openai
from openai import AsyncOpenAI
from openai._legacy_response import LegacyAPIResponse
from openai.types.chat import ChatCompletionChunk

from evals.ask.describe import describe
from evals.verify.reply import OK, Reply
from evals.verify.verdict import Breach, shown


class Server:
    """A running server; every method makes one request and returns its Reply.

    They raise Breach if no whole answer comes: no connection, none in time, or a cut one.
    """

    def __init__(self, client: AsyncOpenAI) -> None:
        """Use *client*'s address, key, retries and timeout, in strict mode."""
        strict = {"_strict_response_validation": True}
        self.client = client.with_options(_extra_kwargs=strict)
        self._chat = self.client.chat.completions.with_raw_response
        self._text = self.client.completions.with_raw_response
        self._responses = self.client.responses.with_raw_response
        self._embeddings = self.client.embeddings.with_raw_response
        self._transcriptions = self.client.audio.transcriptions.with_raw_response
        self._models = self.client.models.with_raw_response

    async def chat(self, model: str, messages: list[Any], **options: Any) -> Reply:
        """Send a chat. With `stream` in *options* the body is the whole event stream."""
        call = self._chat.create(model=model, messages=messages, extra_body=options)
        return await self._sent(
            call, "chat/completions", {"model": model, "messages": messages, **options}
        )

    async def chunks(
        self, model: str, messages: list[Any], **options: Any
    ) -> list[ChatCompletionChunk]:
        """Send a chat, and return what the stock client reads of its stream."""
        create = self.client.chat.completions.create
        try:
            call = create(model=model, messages=messages, stream=True, extra_body=options)
            return [chunk async for chunk in await call]
        except (openai.APIError, ValueError) as error:
            request = "POST /v1/chat/completions, streamed through the stock client"
            expected = "a stream that the client reads to its end"
            got = str(error).replace(self.client.api_key, "[key]")
            raise Breach(request, expected=expected, got=got) from error

    async def text(self, model: str, prompt: str, **options: Any) -> Reply:
        """Send a text to be continued."""
        call = self._text.create(model=model, prompt=prompt, extra_body=options)
        return await self._sent(call, "completions", {"model": model, "prompt": prompt, **options})

    async def response(self, model: str, text: str, **options: Any) -> Reply:
        """Send a text to the route of responses."""
        call = self._responses.create(model=model, input=text, extra_body=options)
        return await self._sent(call, "responses", {"model": model, "input": text, **options})

    async def embedding(self, model: str, texts: list[str], **options: Any) -> Reply:
        """Send texts to be embedded, as numbers unless *options* say otherwise."""
        options = {"encoding_format": "float", **options}
        call = self._embeddings.create(model=model, input=texts, extra_body=options)
        return await self._sent(call, "embeddings", {"model": model, "input": texts, **options})

    async def transcription(self, model: str, clip: Path, **options: Any) -> Reply:
        """Send the recording *clip*."""
        file = (clip.name, await asyncio.to_thread(clip.read_bytes))
        call = self._transcriptions.create(model=model, file=file, extra_body=options)
        return await self._sent(
            call, "audio/transcriptions", {"model": model, "file": clip.name, **options}
        )

    async def models(self) -> Reply:
        """Request the list of models."""
        return await self._sent(self._models.list(), "models", {}, method="GET")

    async def model(self, name: str) -> Reply:
        """Request the card of a model."""
        return await self._sent(self._models.retrieve(name), f"models/{name}", {}, method="GET")

    async def post(self, path: str, body: dict[str, Any]) -> Reply:
        """Post any JSON, such as the client's own methods would not send."""
        return await self._sent(self.client.post(f"/{path}", cast_to=str, body=body), path, body)

    async def manifest(self, model: str, short: str | None = None) -> dict[str, Any]:
        """Return Shim's manifest of *model*, or the one with the hash *short*; {} if there is none.

        It lists all that decides a transcription: files, versions, options.
        """
        path = f"/models/{model}/manifest" + (f"/{short}" if short else "")
        try:
            return json_object(await self.client.get(path, cast_to=str))
        except openai.APIError:
            # Most servers have none. One that does not answer at all is found by the checks.
            return {}

    async def _sent(
        self,
        call: Awaitable[LegacyAPIResponse[Any] | str],
        path: str,
        body: dict[str, Any],
        *,
        method: str = "POST",
    ) -> Reply:
        line = f"{method} /v1/{path}"
        request = shown(f"{line} {json.dumps(body, ensure_ascii=False)}" if body else line)
        try:
            answer = await call
        except openai.APIStatusError as error:
            found = error.response
            # Some servers repeat the key that they refuse.
            content = found.content.replace(self.client.api_key.encode(), b"[key]")
            return Reply(request, found.status_code, found.headers, content, lambda: None)
        except openai.APIConnectionError as error:
            raise Breach(request, expected="a whole answer", got=describe(error)) from error
        if isinstance(answer, str):
            return Reply(request, OK, {}, answer.encode(), lambda: answer)
        return Reply(request, answer.status_code, answer.headers, answer.content, answer.parse)


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in *text*; {} if it is not one."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
