"""The engine that runs: vLLM's AsyncLLM behind the ChatBackend seam."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from vllm.v1.engine.async_llm import AsyncLLM

from backends.base import Extras, Generated, Generation, Prompt, PromptEcho
from backends.config import VllmModelConfig
from backends.self_test import one_token
from backends.vllm.answers.deltas import Choices
from backends.vllm.answers.logprobs import Scores
from backends.vllm.answers.submit import answered
from backends.vllm.requests.build import EngineRequest, Requests
from backends.vllm.requests.media import lacks_media
from backends.vllm.requests.protocol import constraint
from backends.vllm.requests.verification import Verification

from .failures import alive
from .lora import Adapters
from .options import max_spaces, split
from .tokenizer import Tokenizer

_FEW_TOKENS = 256
"""Tokens of a prompt of which the log probabilities are read within some milliseconds."""


class VllmChat:
    """A ChatBackend over a running AsyncLLM, which it owns, and which another can replace."""

    def __init__(self, model: VllmModelConfig, engine: AsyncLLM) -> None:
        engine_options, self._options = split(model.options)
        self._shorten = model.max_tokens_beyond_context == "shorten"
        self._max_spaces = max_spaces(engine_options)
        self._adapters = Adapters(model)
        self.take(engine)

    def take(self, engine: AsyncLLM) -> None:
        """Answer through *engine* from now on; blocks while its chat template warms up."""
        self._tokenizer = Tokenizer(engine.model_config)
        self._requests = Requests(
            engine.vllm_config,
            engine.renderer,
            self._options,
            self._tokenizer,
            Verification(
                engine.vllm_config,
                engine.renderer.tokenizer,
                holds_all=self._options.tool_strict_level in (None, "parameter"),
                max_spaces=self._max_spaces,
            ),
            shorten=self._shorten,
            reasoning_parser=engine.vllm_config.structured_outputs_config.reasoning_parser,
        )
        self._scores = Scores(engine.renderer.get_tokenizer())
        self._max_model_len = int(engine.model_config.max_model_len)
        # Last: requests are let in by it.
        self._engine: AsyncLLM | None = engine

    @property
    def max_model_len(self) -> int:
        """Prompt and completion together, in tokens; what vLLM made of it while it started."""
        return self._max_model_len

    async def load_adapters(self) -> None:
        """Load what adapters there are; raise what vLLM raises for a wrong one."""
        if self._engine is not None:
            await self._adapters.load(self._engine)

    async def ready(self) -> bool:
        """Whether the engine's processes live."""
        return self._engine is not None and not self._engine.errored

    async def self_test(self) -> None:
        """Draw one token."""
        await one_token(self)

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*, as they would be continued."""
        with alive(self._engine):
            if isinstance(prompt, str):
                return await self._tokenizer.encode(prompt, add_special_tokens=add_special_tokens)
            return await self._requests.ids(prompt)

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*."""
        return await self._tokenizer.decode(tokens)

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens*."""
        return await self._tokenizer.texts(tokens)

    def tokenizer_info(self) -> dict[str, Any]:
        """Return what transformers knows of the tokenizer."""
        return self._tokenizer.described(max_model_len=self._max_model_len)

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Continue *generation*; see ChatBackend."""
        constrained = constraint(generation)
        with alive(self._engine, suspect=constrained) as engine:
            self._adapters.check(generation, engine.vllm_config.lora_config)
            request, outputs, first = await self._begun(engine, generation)
            choices = Choices(
                generation,
                copies=request.copies,
                parser=request.parser,
                named=request.named,
                constraint=constrained,
                scores=self._scores,
            )
            # Closing these outputs is what aborts the request in the engine.
            async with aclosing(outputs):
                # The prompt's log probabilities come with the first token, all at once.
                for told in await self._before(generation, first):
                    yield told
                for item in choices.items(first):
                    yield item
                async for output in outputs:
                    for item in choices.items(output):
                        yield item

    async def _begun(
        self, engine: AsyncLLM, generation: Generation
    ) -> tuple[EngineRequest, AsyncGenerator[Any, None], Any]:
        """Return the request that *engine* has begun to answer, its outputs and the first of them.

        What vLLM has made of a medium goes to the engine once, and is then referred to. Where the
        request that it was made for never went there (it was too long, or only tokenized) the
        engine lacks it, and says so: the next try brings it.
        """
        for last in (False, False, True):
            request = await self._requests.render(generation)
            outputs = self._outputs(engine, generation, request)
            first = await anext(outputs)
            if last or not lacks_media(request.prompt, first):
                break
            await outputs.aclose()
        return request, outputs, first

    def _outputs(
        self, engine: AsyncLLM, generation: Generation, request: EngineRequest
    ) -> AsyncGenerator[Any, None]:
        options = {"lora_request": self._adapters.request(generation.adapter), **request.more}
        return answered(engine, request.prompt, request.params, **options)

    async def _before(self, generation: Generation, first: Any) -> list[Extras | PromptEcho]:
        """Return what the request wants to know of its prompt."""
        told = self._of_prompt(generation, first)
        if first.prompt_logprobs is None or len(first.prompt_token_ids) <= _FEW_TOKENS:
            return list(told)
        return await asyncio.to_thread(lambda: list(told))

    def _of_prompt(self, generation: Generation, first: Any) -> Iterator[Extras | PromptEcho]:
        told: dict[str, Any] = {}
        if generation.extras.get("return_token_ids"):
            told["prompt_token_ids"] = list(first.prompt_token_ids)
        if generation.extras.get("prompt_logprobs") is not None:
            told["prompt_logprobs"] = self._scores.told(first.prompt_logprobs)
        if told:
            yield Extras(told)
        if generation.echo:
            whole = "truncate_prompt_tokens" not in generation.extras
            text = generation.prompt if whole and isinstance(generation.prompt, str) else None
            yield self._scores.echo(first, text=text, top=generation.sampling.top_logprobs)

    def close(self, *, patience: float) -> None:
        """Ask the engine's processes to end; kill them after *patience* seconds."""
        # Whoever still holds this backend would keep the engine until the interpreter ends, when
        # its finalizer fails aloud.
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.shutdown(timeout=patience)
