"""LoRA adapters: small weights beside the model's own, each with a name that requests ask for."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from vllm.engine.protocol import EngineClient
from vllm.lora.request import LoRARequest
from vllm.lora.utils import get_adapter_absolute_path
from vllm.platforms import current_platform

from backends.base import Generation
from backends.config import VllmModelConfig
from backends.failures import InvalidOption, UnsupportedOption

_HEAD = "lm_head"
"""The layer whose output are the logits."""


class Adapters:
    """The adapters of one model."""

    def __init__(self, model: VllmModelConfig) -> None:
        self._requests = {
            name: LoRARequest(name, at, source, base_model_name=model.id)
            for at, (name, source) in enumerate(model.adapters.items(), start=1)
        }
        self._heads = False
        """Whether one of them changes the logits' layer."""

    @property
    def arguments(self) -> dict[str, Any]:
        """What the engine has to be started with."""
        return {"enable_lora": True, "max_loras": len(self._requests)} if self._requests else {}

    def request(self, name: str | None) -> LoRARequest | None:
        """Return what vLLM takes for the adapter of that name; raise InvalidOption if unknown."""
        if name is None:
            return None
        if name not in self._requests:
            raise InvalidOption(f"There is no adapter `{name}`.", option="model")
        return self._requests[name]

    async def load(self, engine: EngineClient) -> None:
        """Load all of them, so that a wrong one is found at the start; raise what vLLM raises."""
        for request in self._requests.values():
            await engine.add_lora(request)
            self._heads |= await asyncio.to_thread(_changes_head, request.lora_path)

    def check(self, generation: Generation, lora: Any) -> None:
        """Raise UnsupportedOption for log probabilities of a prompt that vLLM would get wrong.

        *lora* is the engine's `vllm.config.LoRAConfig`, None if it has none. Where a model's
        adapters may change its logits' layer, vLLM weighs a prompt's tokens with whichever
        adapters its other requests use, and built for CPUs it dies of that:
        https://github.com/vllm-project/vllm/issues/16668
        """
        option = _weighing(generation)
        if lora is None or option is None:
            return
        may = lora.target_modules is None or _HEAD in lora.target_modules
        if may and (self._heads or current_platform.is_cpu()):
            raise UnsupportedOption(
                "vLLM cannot weigh the tokens of a prompt where adapters may change the layer "
                "`lm_head` (the model's option `lora_target_modules` can exclude it).",
                option=option,
            )


def _weighing(generation: Generation) -> str | None:
    """Return the option that asks for log probabilities of the prompt."""
    if generation.extras.get("prompt_logprobs") is not None:
        return "prompt_logprobs"
    echoes = generation.echo and generation.sampling.top_logprobs is not None
    return "top_logprobs" if echoes else None


def _changes_head(source: str) -> bool:
    """Return whether the adapter at *source* has the logits' layer among its targets."""
    config = Path(get_adapter_absolute_path(source)) / "adapter_config.json"
    targets = json.loads(config.read_text())["target_modules"]
    if isinstance(targets, str):  # a pattern, as in peft
        return re.fullmatch(targets, _HEAD) is not None
    return any(target.rpartition(".")[2] == _HEAD for target in targets)
