"""Starting vLLM's engine with a model's options."""

import logging
import os
import time
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM

from backends.config import VllmModelConfig
from backends.vllm.lora import Adapters
from backends.vllm.options import built, chosen_grammar_engine, split
from backends.vllm.requests.grammars import GUIDANCE, pin

from . import progress
from .paced_scheduler import is_paced, set_interval

log = logging.getLogger(__package__)

_CPU_CACHE_BYTES = 4 * 1024**3
_CACHE_OPTIONS = {"kv_cache_memory_bytes", "gpu_memory_utilization"}


def start(model: VllmModelConfig) -> AsyncLLM:
    """Start vLLM's engine on *model*; blocks until it has loaded.

    Raises what vLLM raises: TypeError and ValueError for arguments that it refuses, OSError for a
    model that is not there; and ValueError for a `stream_interval_ms` that cannot be kept.
    """
    begin = time.monotonic()
    options, _ = split(model.options)
    # Its name is what vLLM calls the model in its refusals.
    named = {"model": model.source, "served_model_name": model.id}
    adapted = Adapters(model).arguments
    given = {**named, **_defaults(options), **adapted, **options, **_structured(options)}
    arguments = AsyncEngineArgs(**built(given, AsyncEngineArgs))
    # The server's context, because vLLM's default batch sizes depend on it.
    config = arguments.create_engine_config(UsageContext.OPENAI_API_SERVER)
    log.info("%s: configured in %.1f s, starting the engine", model.id, time.monotonic() - begin)
    set_interval(config, model.stream_interval_ms)
    if chosen_grammar_engine(options) == "auto":
        pin(config, both=is_paced(config))
    with progress.told(config, model.id):
        return AsyncLLM.from_vllm_config(
            config,
            usage_context=UsageContext.OPENAI_API_SERVER,
            enable_log_requests=arguments.enable_log_requests,
            disable_log_stats=arguments.disable_log_stats,
        )


def _structured(options: dict[str, Any]) -> dict[str, Any]:
    """Return the table of structured outputs, with an engine named where *options* name none.

    vLLM refuses some of its fields beside `auto`. `pin` has the last word.
    """
    if chosen_grammar_engine(options) != "auto":
        return {}
    table = options.get("structured_outputs_config") or {}
    return {"structured_outputs_config": {**table, "backend": GUIDANCE}}


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
