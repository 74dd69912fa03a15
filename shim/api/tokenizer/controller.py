"""The tokenizer over HTTP, at the server's root, where harnesses look for it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import UNSET, UnsetType

from backends.base import Prompt
from backends.conversation import Conversation
from shim.api.generation.conversation import to_messages, to_tools
from shim.errors import InvalidParameter
from shim.http.auth import TOKENIZER, Keys
from shim.http.request import ApiRequest
from shim.serving.models import Models

from .protocol import DetokenizeRequest, Text, TokenizeRequest, Tokens

_SHORT = 16 << 10
"""Bytes of a body that needs no place: tokens and texts of it take 3 MB at most."""


class TokenizerController(Controller):
    """`/tokenize`, `/detokenize`, `/tokenizer_info`; keyless unless set otherwise."""

    opt = {TOKENIZER: True}  # noqa: RUF012  Litestar reads it from the class

    @post("/tokenize", status_code=200)
    async def tokenize(self, request: ApiRequest, models: NamedDependency[Models]) -> Tokens:
        """Return the tokens of a text or of a conversation."""
        data = await request.read(TokenizeRequest)
        backend = _visible(models, request).tokenizer(data.model)
        special = data.add_special_tokens is not False
        texts: list[str] | UnsetType = UNSET
        async with _place(request):
            tokens = await backend.tokenize(_prompt(data), add_special_tokens=special)
            if data.return_token_strs:
                texts = await backend.token_texts(tuple(tokens))
        return Tokens(
            count=len(tokens),
            max_model_len=backend.max_model_len,
            tokens=tokens,
            token_strs=texts,
        )

    @post("/detokenize", status_code=200)
    async def detokenize(self, request: ApiRequest, models: NamedDependency[Models]) -> Text:
        """Return the text of token ids, special ones included."""
        data = await request.read(DetokenizeRequest)
        backend = _visible(models, request).tokenizer(data.model)
        async with _place(request):
            return Text(await backend.detokenize(tuple(data.tokens)))

    @get("/tokenizer_info")
    async def info(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
        model: FromQuery[str | None] = None,
    ) -> dict[str, Any]:
        """Return the special tokens; and the chat template, which takes a key if there are keys."""
        info = _visible(models, request).tokenizer(model).tokenizer_info()
        return info if _is_trusted(request) else {**info, "chat_template": None}


@asynccontextmanager
async def _place(request: ApiRequest) -> AsyncGenerator[None, None]:
    """Wait, in order, until fewer than two long bodies are in work.

    A body of 1 MiB may become a million tokens with a text each, some 150 MB, until it is answered.
    A short one does not wait behind those.
    """
    places: asyncio.Semaphore = request.app.state.tokenizing
    async with nullcontext() if request.size <= _SHORT else places:
        yield


def _visible(models: Models, request: ApiRequest) -> Models:
    return models if _is_trusted(request) else models.unlisted()


def _is_trusted(request: ApiRequest) -> bool:
    keys: Keys = request.app.state.api_keys
    return keys.allow(request)


def _prompt(data: TokenizeRequest) -> Prompt:
    if (data.prompt is None) == (data.messages is None):
        raise InvalidParameter("Give either `prompt` or `messages`.", param="prompt")
    said = data.prompt if data.messages is None else data.messages
    if isinstance(said, str):
        return said
    if data.continue_final_message and data.add_generation_prompt:
        raise InvalidParameter(
            "`continue_final_message` and `add_generation_prompt` exclude each other.",
            param="continue_final_message",
        )
    return Conversation(
        messages=to_messages(said or ()),
        tools=to_tools(data.tools),
        add_generation_prompt=not data.continue_final_message
        and data.add_generation_prompt is not False,
        continue_final_message=bool(data.continue_final_message),
        template_kwargs=data.chat_template_kwargs or {},
    )
