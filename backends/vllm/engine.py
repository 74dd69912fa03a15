"""The engine that runs: vLLM's AsyncLLM behind the ChatBackend seam."""

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM

from ..base import Finish, Generation, TextDelta
from .deltas import Choices
from .failures import by_meaning
from .request import Requests

_CPU_CACHE_BYTES = 4 * 1024**3
_CACHE_OPTIONS = {"kv_cache_memory_bytes", "gpu_memory_utilization"}


class VllmChat:
    """A ChatBackend over a running AsyncLLM."""

    def __init__(self, engine: AsyncLLM) -> None:
        self._engine = engine
        self._requests = Requests(engine.model_config, engine.renderer)

    @property
    def max_model_len(self) -> int:
        """Prompt and completion together, in tokens; what vLLM made of it while it started."""
        return int(self._engine.model_config.max_model_len)

    async def ready(self) -> bool:
        """Whether the engine's processes live."""
        return not self._engine.errored

    async def generate(
        self, generation: Generation
    ) -> AsyncGenerator[TextDelta | Finish, None]:
        """Continue *generation*; see ChatBackend."""
        with by_meaning():
            request = await self._requests.render(generation)
            choices = Choices(
                copies=request.copies, top_logprobs=generation.sampling.top_logprobs
            )
            outputs = self._engine.generate(request.prompt, request.params, uuid4().hex)
            async with aclosing(outputs):
                async for output in outputs:
                    for item in choices.items(output):
                        yield item


def start(source: str, options: dict[str, Any]) -> AsyncLLM:
    """Start vLLM's engine on the model at *source*; blocks until it has loaded.

    Must be called on the event loop's thread, as vLLM's own server does. Raises whatever vLLM
    raises: TypeError and ValueError for arguments that it refuses.
    """
    arguments = AsyncEngineArgs(model=source, **_defaults(options), **options)
    # The server's context: vLLM's default batch sizes depend on it.
    config = arguments.create_engine_config(UsageContext.OPENAI_API_SERVER)
    return AsyncLLM.from_vllm_config(
        config,
        usage_context=UsageContext.OPENAI_API_SERVER,
        enable_log_requests=arguments.enable_log_requests,
        disable_log_stats=arguments.disable_log_stats,
    )


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    """Return where we start from other values than vLLM, unless *options* say so."""
    # Statistics for vLLM's own metrics endpoint, which nobody reads here: 7 µs a token.
    defaults: dict[str, Any] = {"disable_log_stats": True}
    # On a CPU vLLM claims nine tenths of the machine's memory for the cache, and does not start
    # where somebody else is using it. 4 GiB was its own default before.
    chosen = _CACHE_OPTIONS & options.keys() or os.environ.get("VLLM_CPU_KVCACHE_SPACE")
    if current_platform.is_cpu() and not chosen:
        defaults["kv_cache_memory_bytes"] = _CPU_CACHE_BYTES
    return {name: value for name, value in defaults.items() if name not in options}
