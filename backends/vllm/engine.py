"""The engine that runs: vLLM's AsyncLLM behind the ChatBackend seam."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any
from uuid import uuid4

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM

from backends.base import Extras, Generated, Generation, Prompt, PromptEcho
from backends.failures import EngineDead

from .adapters import Adapters
from .deltas import Choices
from .echo import echoed, told_prompt
from .failures import by_meaning
from .options import ServerOptions, built, split
from .pace import Pace, paced
from .protocol import constraint
from .request import Requests

_CPU_CACHE_BYTES = 4 * 1024**3
_CACHE_OPTIONS = {"kv_cache_memory_bytes", "gpu_memory_utilization"}


class VllmChat:
    """A ChatBackend over a running AsyncLLM, which it owns."""

    def __init__(self, engine: AsyncLLM, options: ServerOptions, adapters: Adapters) -> None:
        self._engine: AsyncLLM | None = engine
        self._adapters = adapters
        self._pace = Pace()
        self._requests = Requests(
            engine.model_config,
            engine.renderer,
            options,
            reasoning_parser=engine.vllm_config.structured_outputs_config.reasoning_parser,
        )
        self._tokenizer = engine.renderer.get_tokenizer()
        self._max_model_len = int(engine.model_config.max_model_len)

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

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*, as they would be continued."""
        with by_meaning():
            if isinstance(prompt, str):
                encode = partial(self._tokenizer.encode, add_special_tokens=add_special_tokens)
                return list(await asyncio.to_thread(encode, prompt))
            return await self._requests.ids(prompt)

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*."""
        self._requests.check_ids(tokens, option="tokens")
        text: str = self._tokenizer.decode(list(tokens))
        return text

    def tokenizer_info(self) -> dict[str, Any]:
        """Return what transformers knows of the tokenizer."""
        tokenizer = self._tokenizer
        return {
            "tokenizer_class": type(tokenizer).__name__,
            "bos_token": tokenizer.bos_token,
            "eos_token": tokenizer.eos_token,
            "pad_token": tokenizer.pad_token,
            "chat_template": getattr(tokenizer, "chat_template", None),
            "model_max_length": self._max_model_len,
        }

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Continue *generation*; see ChatBackend."""
        if self._engine is None:
            raise EngineDead("the engine has been closed")
        with by_meaning(suspect=constraint(generation)):
            request = await self._requests.render(generation)
            choices = Choices(
                generation,
                copies=request.copies,
                parser=request.parser,
                named=request.named,
            )
            options = {"lora_request": self._adapters.request(generation.adapter), **request.more}
            # Closing these outputs is what aborts the request in the engine.
            outputs = (
                paced(self._engine, self._pace, request.prompt, request.params, **options)
                if generation.stream
                else self._engine.generate(request.prompt, request.params, uuid4().hex, **options)
            )
            async with aclosing(outputs):
                first = await anext(outputs)
                # The prompt's log probabilities come with the first token, all at once.
                for told in self._before(generation, first):
                    yield told
                for item in choices.items(first):
                    yield item
                async for output in outputs:
                    for item in choices.items(output):
                        yield item

    def _before(self, generation: Generation, first: Any) -> Iterator[Extras | PromptEcho]:
        """Yield what is told of the prompt, where it was asked for."""
        if told := told_prompt(first, generation.extras):
            yield Extras(told)
        if generation.echo:
            text = generation.prompt if isinstance(generation.prompt, str) else None
            top = generation.sampling.top_logprobs
            yield echoed(first, self._tokenizer, text=text, top=top)

    def close(self, *, patience: float) -> None:
        """Ask the engine's processes to end; kill them after *patience* seconds."""
        if self._engine is not None:
            self._engine.shutdown(timeout=patience)
            # Whoever still holds this backend would keep the engine until the interpreter ends,
            # when its finalizer fails aloud.
            self._engine = None


def start(name: str, source: str, options: dict[str, Any], adapters: Adapters) -> VllmChat:
    """Start vLLM's engine on the model *name* at *source*; blocks until it has loaded.

    To be called on the event loop's thread, as in vLLM's own server. Raises what vLLM raises:
    TypeError and ValueError for arguments that it refuses, OSError for a model that is not there.
    """
    engine, server = split(options)
    # Its name is what vLLM calls the model in its refusals.
    given = {"served_model_name": name, **_defaults(engine), **adapters.arguments, **engine}
    arguments = AsyncEngineArgs(model=source, **built(given, AsyncEngineArgs))
    # The server's context, because vLLM's default batch sizes depend on it.
    config = arguments.create_engine_config(UsageContext.OPENAI_API_SERVER)
    if config.model_config.runner_type != "generate":
        raise ValueError(f"it is a model for {config.model_config.runner_type}, not for chat")
    started = AsyncLLM.from_vllm_config(
        config,
        usage_context=UsageContext.OPENAI_API_SERVER,
        enable_log_requests=arguments.enable_log_requests,
        disable_log_stats=arguments.disable_log_stats,
    )
    return VllmChat(started, server, adapters)


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments for which we start from another value than vLLM, if not in *options*."""
    # Statistics for vLLM's own metrics endpoint, which nobody reads here: 7 µs a token.
    defaults: dict[str, Any] = {"disable_log_stats": True}
    # On a CPU vLLM would claim nine tenths of the machine for its cache, fill them before it is
    # ready, and not start where somebody else uses them. 4 GiB: 131,072 tokens of Llama 3.2 1B.
    chosen = _CACHE_OPTIONS & options.keys() or os.environ.get("VLLM_CPU_KVCACHE_SPACE")
    if current_platform.is_cpu() and not chosen:
        defaults["kv_cache_memory_bytes"] = _CPU_CACHE_BYTES
    return {name: value for name, value in defaults.items() if name not in options}
