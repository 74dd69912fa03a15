"""LoRA adapters: small weights beside the model's own, each with a name that requests ask for."""

from typing import Any

from vllm.engine.protocol import EngineClient
from vllm.lora.request import LoRARequest

from backends.config import VllmModelConfig
from backends.failures import InvalidOption


class Adapters:
    """The adapters of one model."""

    def __init__(self, model: VllmModelConfig) -> None:
        self._requests = {
            name: LoRARequest(name, at, source, base_model_name=model.id)
            for at, (name, source) in enumerate(model.adapters.items(), start=1)
        }

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
