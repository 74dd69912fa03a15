"""The chat backend: vLLM's AsyncLLM behind the ChatBackend seam."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from vllm.v1.engine.async_llm import AsyncLLM

from backends.base import EngineExtras, Generated, Generation, Prompt, PromptEcho
from backends.config import VllmModelConfig
from backends.self_test import one_token
from backends.vllm.answers.deltas import Choices
from backends.vllm.answers.logprobs import LogprobReader
from backends.vllm.answers.submit import engine_outputs
from backends.vllm.requests.build import RequestBuilder
from backends.vllm.requests.engine_request import EngineRequest
from backends.vllm.requests.verification import ConstraintVerifier

from .engine_backend import EngineBackend
from .failures import live_engine, translated_errors
from .lora import LoraAdapters
from .options import max_spaces, split

_SHORT_PROMPT = 256
"""Tokens of the longest prompt whose log probabilities are read on the event loop: it takes some
milliseconds."""


class VllmChat(EngineBackend):
    """A ChatBackend over one running AsyncLLM."""

    def __init__(self, model: VllmModelConfig, engine: AsyncLLM) -> None:
        engine_options, self._options = split(model.options)
        self._shorten = model.max_tokens_beyond_context == "shorten"
        self._max_spaces = max_spaces(engine_options)
        self._loras = LoraAdapters(model)
        super().__init__(engine)

    def _prepare(self, engine: AsyncLLM) -> None:
        self._requests = RequestBuilder(
            engine.vllm_config,
            engine.renderer,
            self._options,
            self._tokenizer,
            ConstraintVerifier(
                engine.vllm_config,
                engine.renderer.tokenizer,
                enforces_all=self._options.tool_strict_level in (None, "parameter"),
                max_spaces=self._max_spaces,
            ),
            shorten=self._shorten,
            reasoning_parser=engine.vllm_config.structured_outputs_config.reasoning_parser,
        )
        self._logprobs = LogprobReader(engine.renderer.get_tokenizer())

    async def load_loras(self) -> None:
        """Load the model's LoRA adapters; raise what vLLM raises for a wrong one."""
        if self._engine is not None:
            await self._loras.load(self._engine)

    async def self_test(self) -> None:
        """Generate one token."""
        await one_token(self)

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids that *prompt* would have in a request; see TextBackend."""
        with live_engine(self._engine):
            if isinstance(prompt, str):
                return await self._tokenizer.encode(prompt, add_special_tokens=add_special_tokens)
            return await self._requests.ids(prompt)

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Continue *generation*; see ChatBackend."""
        with live_engine(self._engine) as engine:
            self._loras.check(generation, engine.vllm_config.lora_config)
            request, outputs, first = await self._submitted(engine, generation)
            choices = Choices(request, generation, self._logprobs)
            # Closing the outputs aborts the request in the engine.
            async with aclosing(outputs):
                # The prompt's log probabilities come with the first token, all at once.
                for prompt_item in await self._prompt_items(generation, first):
                    yield prompt_item
                for item in choices.items(first):
                    yield item
                async for output in outputs:
                    for item in choices.items(output):
                        yield item

    async def _submitted(
        self, engine: AsyncLLM, generation: Generation
    ) -> tuple[EngineRequest, AsyncGenerator[Any, None], Any]:
        """Send *generation* to *engine*; return the request, its outputs and the first of them.

        vLLM sends a medium's features to the engine once, and only their hash in later requests.
        If the first request never reached the engine (it was too long, or only tokenized), the
        engine lacks them, and the next request fails. A request that is rendered after that brings
        them again. So *generation* is sent up to three times.
        """
        for is_last_try in (False, False, True):
            request = await self._requests.render(generation)
            outputs = self._outputs(engine, generation, request)
            with translated_errors(default_option=request.constraint):
                first = await anext(outputs)
            if is_last_try or not request.lacks_media(first):
                break
            await outputs.aclose()
        return request, outputs, first

    def _outputs(
        self, engine: AsyncLLM, generation: Generation, request: EngineRequest
    ) -> AsyncGenerator[Any, None]:
        lora = self._loras.request(generation.lora)
        options = {"lora_request": lora, **request.options}
        return engine_outputs(engine, request.prompt, request.params, **options)

    async def _prompt_items(
        self, generation: Generation, first: Any
    ) -> list[EngineExtras | PromptEcho]:
        """Return the items about the prompt that *generation* requests, from its *first* output."""
        items = self._read_prompt(generation, first)
        if first.prompt_logprobs is None or len(first.prompt_token_ids) <= _SHORT_PROMPT:
            return list(items)
        return await asyncio.to_thread(lambda: list(items))

    def _read_prompt(
        self, generation: Generation, first: Any
    ) -> Iterator[EngineExtras | PromptEcho]:
        values: dict[str, Any] = {}
        if generation.engine_options.get("return_token_ids"):
            values["prompt_token_ids"] = list(first.prompt_token_ids)
        if generation.engine_options.get("prompt_logprobs") is not None:
            values["prompt_logprobs"] = self._logprobs.prompt_logprobs(first.prompt_logprobs)
        if values:
            yield EngineExtras(values)
        if generation.echo:
            whole = "truncate_prompt_tokens" not in generation.engine_options
            text = generation.prompt if whole and isinstance(generation.prompt, str) else None
            yield self._logprobs.echo(first, text=text, top=generation.sampling.top_logprobs)
