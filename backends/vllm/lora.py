"""LoRA adapters: small weights beside the model's own, which requests choose by name."""

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
"""The name of the layer that computes the logits."""


class LoraAdapters:
    """The LoRA adapters of one model."""

    def __init__(self, model: VllmModelConfig) -> None:
        self._requests = {
            name: LoRARequest(name, number, source, base_model_name=model.id)
            for number, (name, source) in enumerate(model.adapters.items(), start=1)
        }
        self._changes_head = False
        """Whether a loaded adapter changes the layer of the logits."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The engine arguments that these adapters need; empty if there are none."""
        return {"enable_lora": True, "max_loras": len(self._requests)} if self._requests else {}

    def request(self, name: str | None) -> LoRARequest | None:
        """Return vLLM's LoRARequest for *name*, None for None; raise InvalidOption if unknown."""
        if name is None:
            return None
        if name not in self._requests:
            raise InvalidOption(f"There is no adapter `{name}`.", option="model")
        return self._requests[name]

    async def load(self, engine: EngineClient) -> None:
        """Load all adapters into *engine*, so that a wrong one is found at the start.

        Raises what vLLM raises.
        """
        for request in self._requests.values():
            await engine.add_lora(request)
            self._changes_head |= await asyncio.to_thread(_targets_head, request.lora_path)

    def check(self, generation: Generation, lora: Any) -> None:
        """Raise UnsupportedOption for log probabilities of a prompt that would be wrong.

        *lora* is the engine's `vllm.config.LoRAConfig`, None if it has none. If adapters may change
        the layer of the logits, vLLM computes prompt logprobs with other requests' adapters, and
        its CPU build crashes: https://github.com/vllm-project/vllm/issues/16668
        """
        option = _prompt_logprobs_option(generation)
        if lora is None or option is None:
            return
        may_change = lora.target_modules is None or _HEAD in lora.target_modules
        if may_change and (self._changes_head or current_platform.is_cpu()):
            raise UnsupportedOption(
                "vLLM cannot compute log probabilities of a prompt if adapters may change the "
                "layer `lm_head` (the model's option `lora_target_modules` can exclude it).",
                option=option,
            )


def _prompt_logprobs_option(generation: Generation) -> str | None:
    """Return the option that requests log probabilities of the prompt; None if none does."""
    if generation.engine_options.get("prompt_logprobs") is not None:
        return "prompt_logprobs"
    echoes = generation.echo and generation.sampling.top_logprobs is not None
    return "top_logprobs" if echoes else None


def _targets_head(source: str) -> bool:
    """Return whether the adapter at *source* has the layer of the logits among its targets."""
    config = Path(get_adapter_absolute_path(source)) / "adapter_config.json"
    targets = json.loads(config.read_text())["target_modules"]
    if isinstance(targets, str):  # a regular expression, as in peft
        return re.fullmatch(targets, _HEAD) is not None
    return any(target.rpartition(".")[2] == _HEAD for target in targets)
