"""The engine that runs: vLLM's AsyncLLM behind the ChatBackend seam."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any
from uuid import uuid4

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM

from backends.base import Generated, Generation, Prompt, PromptEcho
from backends.failures import EngineDead

from .deltas import Choices
from .echo import echoed
from .failures import by_meaning
from .request import Requests
from .tokenizer import described

_CPU_CACHE_BYTES = 4 * 1024**3
_CACHE_OPTIONS = {"kv_cache_memory_bytes", "gpu_memory_utilization"}


class VllmChat:
    """A ChatBackend over a running AsyncLLM, which it owns."""

    def __init__(self, engine: AsyncLLM) -> None:
        self._engine: AsyncLLM | None = engine
        self._requests = Requests(engine.model_config, engine.renderer)
        self._tokenizer = engine.renderer.get_tokenizer()
        self._max_model_len = int(engine.model_config.max_model_len)

    @property
    def max_model_len(self) -> int:
        """Prompt and completion together, in tokens; what vLLM made of it while it started."""
        return self._max_model_len

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
        return described(self._tokenizer, max_model_len=self._max_model_len)

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Continue *generation*; see ChatBackend."""
        if self._engine is None:
            raise EngineDead("the engine has been closed")
        with by_meaning():
            request = await self._requests.render(generation)
            choices = Choices(
                copies=request.copies,
                top_logprobs=generation.sampling.top_logprobs,
                empty=generation.sampling.max_tokens == 0,
            )
            # Closing these outputs is what aborts the request in the engine.
            outputs = self._engine.generate(request.prompt, request.params, uuid4().hex)
            async with aclosing(outputs):
                if generation.echo:
                    # Its prompt's log probabilities come with the first token, all at once.
                    first = await anext(outputs)
                    yield self._echo(generation, first)
                    for item in choices.items(first):
                        yield item
                async for output in outputs:
                    for item in choices.items(output):
                        yield item

    def _echo(self, generation: Generation, first: Any) -> PromptEcho:
        text = generation.prompt if isinstance(generation.prompt, str) else None
        return echoed(first, self._tokenizer, text=text, top=generation.sampling.top_logprobs)

    def close(self, *, patience: float) -> None:
        """Ask the engine's processes to end; kill them after *patience* seconds."""
        if self._engine is not None:
            self._engine.shutdown(timeout=patience)
            # Whoever still holds this backend would keep the engine until the interpreter ends,
            # when its finalizer fails aloud.
            self._engine = None


def start(source: str, options: dict[str, Any]) -> AsyncLLM:
    """Start vLLM's engine on the model at *source*; blocks until it has loaded.

    To be called on the event loop's thread, as in vLLM's own server. Raises what vLLM raises:
    TypeError and ValueError for arguments that it refuses, OSError for a model that is not there.
    """
    arguments = AsyncEngineArgs(model=source, **_defaults(options), **options)
    # The server's context, because vLLM's default batch sizes depend on it.
    config = arguments.create_engine_config(UsageContext.OPENAI_API_SERVER)
    return AsyncLLM.from_vllm_config(
        config,
        usage_context=UsageContext.OPENAI_API_SERVER,
        enable_log_requests=arguments.enable_log_requests,
        disable_log_stats=arguments.disable_log_stats,
    )


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
