"""Turns a model's options into vLLM's engine arguments, and starts the engine with them."""

import logging
import os
import time
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM

from backends.config import VllmModelConfig
from backends.vllm.lora import LoraAdapters
from backends.vllm.options import chosen_grammar_engine, split, with_config_objects
from backends.vllm.requests.grammars import GUIDANCE, pin_grammar_engine

from .paced_scheduler import is_paced, set_interval
from .progress import progress_shown

log = logging.getLogger(__package__)

_CPU_CACHE_BYTES = 4 * 1024**3
"""Bytes of the default cache on a CPU: enough for 131,072 tokens of Llama 3.2 1B."""
_CACHE_OPTIONS = {"kv_cache_memory_bytes", "gpu_memory_utilization"}

_PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
"""Options by which an engine is in several processes."""


def launch(model: VllmModelConfig) -> AsyncLLM:
    """Start vLLM's engine on *model*; return it when it has loaded; blocks.

    Await its methods on one event loop only: it uses the loop of the first call (`start.py`).

    Raises what vLLM raises: TypeError and ValueError for arguments that it refuses, OSError for a
    model that does not exist; and ValueError for a `stream_interval_ms` that cannot be honoured.
    """
    begin = time.monotonic()
    options, _ = split(model.options)
    # vLLM's error messages call the model by its served name.
    names = {"model": model.source, "served_model_name": model.id}
    loras = LoraAdapters(model).arguments
    tables = _structured_outputs(options)
    values = {**names, **_defaults(options), **loras, **options, **tables}
    arguments = AsyncEngineArgs(**with_config_objects(values, AsyncEngineArgs))
    # The server's context, because vLLM's default batch sizes depend on it.
    config = arguments.create_engine_config(UsageContext.OPENAI_API_SERVER)
    log.info("%s: configured in %.1f s, starting the engine", model.id, time.monotonic() - begin)
    set_interval(config, model.stream_interval_ms)
    if chosen_grammar_engine(options) == "auto":
        pin_grammar_engine(config, both=is_paced(config))
    with progress_shown(config, model.id):
        return AsyncLLM.from_vllm_config(
            config,
            usage_context=UsageContext.OPENAI_API_SERVER,
            enable_log_requests=arguments.enable_log_requests,
            disable_log_stats=arguments.disable_log_stats,
        )


def _structured_outputs(options: dict[str, Any]) -> dict[str, Any]:
    """Return `structured_outputs_config` with llguidance; {} if *options* name a grammar engine.

    vLLM refuses some of the table's fields together with `auto`. `pin_grammar_engine` makes the
    final choice.
    """
    if chosen_grammar_engine(options) != "auto":
        return {}
    table = options.get("structured_outputs_config") or {}
    return {"structured_outputs_config": {**table, "backend": GUIDANCE}}


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    """Return our own defaults where they differ from vLLM's, without those set in *options*."""
    # Statistics for vLLM's own metrics endpoint, which does not exist here, take 7 µs a token.
    defaults: dict[str, Any] = {"disable_log_stats": True}
    # In an environment with Ray, vLLM would decide by what it finds there.
    parallel = any(options.get(name) not in (None, 1) for name in _PARALLEL)
    if parallel and options.get("data_parallel_backend") != "ray":
        defaults["distributed_executor_backend"] = "mp"
    # On a CPU vLLM would reserve nine tenths of the machine's memory for its cache, fill it
    # before it is ready, and not start if another program uses a part of that memory.
    chosen = _CACHE_OPTIONS & options.keys() or os.environ.get("VLLM_CPU_KVCACHE_SPACE")
    if current_platform.is_cpu() and not chosen:
        defaults["kv_cache_memory_bytes"] = _CPU_CACHE_BYTES
    return {name: value for name, value in defaults.items() if name not in options}
