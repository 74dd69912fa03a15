"""The tokenizer over HTTP, at the server's root, where harnesses look for it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import UNSET, UnsetType

from shim.api.openapi.operation import Operation
from shim.api.remote.answer import RemoteAnswer
from shim.api.remote.passing import passed_on, passed_on_get
from shim.errors import InvalidKey
from shim.http.auth import TOKENIZER, client_of
from shim.http.request import ApiRequest
from shim.serving.models import Models

from .protocol import DetokenizeRequest, Text, TokenizeRequest, Tokens
from .translate import to_prompt

_SHORT = 16 << 10
"""Most bytes of a body that does not wait for others: its tokens and texts take up to 3 MB."""


class TokenizerController(Controller):
    """`/tokenize`, `/detokenize`, `/tokenizer_info`: without a key unless the settings say so."""

    opt = {TOKENIZER: True}  # noqa: RUF012  Litestar reads it from the class

    @post(
        "/tokenize",
        status_code=200,
        operation=Operation(
            summary="Return the tokens of a text or of a conversation.",
            request=TokenizeRequest,
            answers=(Tokens,),
        ),
    )
    async def tokenize(
        self, request: ApiRequest, models: NamedDependency[Models]
    ) -> Tokens | RemoteAnswer:
        """Return the tokens of a text or of a conversation."""
        remote = passed_on(request, models, "/tokenize", check=_read_text, at_root=True)
        if (answer := await remote) is not None:
            return answer
        data = await _read_text(request)
        backend = models.tokenizer(data.model)
        special = data.add_special_tokens is not False
        texts: list[str] | UnsetType = UNSET
        async with _limited_if_long(request):
            tokens = await backend.tokenize(to_prompt(data), add_special_tokens=special)
            if data.return_token_strs:
                texts = await backend.token_texts(tuple(tokens))
        return Tokens(
            count=len(tokens),
            max_model_len=backend.max_model_len,
            tokens=tokens,
            token_strs=texts,
        )

    @post(
        "/detokenize",
        status_code=200,
        operation=Operation(
            summary="Return the text of token ids.",
            request=DetokenizeRequest,
            answers=(Text,),
        ),
    )
    async def detokenize(
        self, request: ApiRequest, models: NamedDependency[Models]
    ) -> Text | RemoteAnswer:
        """Return the text of token ids, special ones included."""
        remote = passed_on(request, models, "/detokenize", check=_read_tokens, at_root=True)
        if (answer := await remote) is not None:
            return answer
        data = await _read_tokens(request)
        backend = models.tokenizer(data.model)
        async with _limited_if_long(request):
            return Text(await backend.detokenize(tuple(data.tokens)))

    @get(
        "/tokenizer_info",
        operation=Operation(
            summary="Return the special tokens; and, to those with a key, the chat template.",
            answers=(dict[str, Any],),
        ),
    )
    async def info(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
        model: FromQuery[str | None] = None,
    ) -> dict[str, Any] | RemoteAnswer:
        """Return the special tokens and the chat template.

        The template is null for a client that needs a key and sends none. That of another server's
        model is not read, so such a client gets nothing: raises InvalidKey.
        """
        if (served := models.remote(model)) is not None:
            if client_of(request.scope) is None:
                raise InvalidKey("The tokenizer of this model needs a key.")
            path = "/tokenizer_info?model={model}"
            return await passed_on_get(request, served, path, at_root=True)
        info = models.tokenizer(model).tokenizer_info()
        return info if client_of(request.scope) is not None else {**info, "chat_template": None}


async def _read_text(request: ApiRequest) -> TokenizeRequest:
    return await request.read(TokenizeRequest)


async def _read_tokens(request: ApiRequest) -> DetokenizeRequest:
    return await request.read(DetokenizeRequest)


@asynccontextmanager
async def _limited_if_long(request: ApiRequest) -> AsyncGenerator[None, None]:
    """Wait until fewer than two other long bodies are handled; a short body does not wait.

    A body of 1 MiB may become a million tokens with a text each, which take 150 MB until the answer
    is sent.
    """
    long_texts: asyncio.Semaphore = request.app.state.long_texts
    async with nullcontext() if request.size <= _SHORT else long_texts:
        yield
