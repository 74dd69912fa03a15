"""The part that chat and embedding backends share: one engine, and that engine's tokenizer."""

from abc import ABC, abstractmethod
from typing import Any

from vllm.v1.engine.async_llm import AsyncLLM

from .tokenizer import Tokenizer


class EngineBackend(ABC):
    """A TextBackend that owns a running AsyncLLM, and can replace it by another one."""

    def __init__(self, engine: AsyncLLM) -> None:
        self.use_engine(engine)

    def use_engine(self, engine: AsyncLLM) -> None:
        """Send all requests to *engine* from now on; blocks until it can accept them."""
        self._tokenizer = Tokenizer(engine.model_config)
        self._max_model_len = int(engine.model_config.max_model_len)
        self._prepare(engine)
        # Last, because requests are accepted as soon as it is set.
        self._engine: AsyncLLM | None = engine

    @abstractmethod
    def _prepare(self, engine: AsyncLLM) -> None:
        """Build everything that depends on *engine*; may block."""

    @property
    def max_model_len(self) -> int:
        """Tokens of the model's context, as vLLM determined it when the engine started."""
        return self._max_model_len

    async def ready(self) -> bool:
        """Return whether the engine's processes are alive."""
        return self._engine is not None and not self._engine.errored

    async def alive(self) -> bool:
        """Return whether the engine's processes are alive."""
        return await self.ready()

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*; raise InvalidOption if one is unknown."""
        return await self._tokenizer.decode(tokens)

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens*; raise InvalidOption if one is unknown."""
        return await self._tokenizer.texts(tokens)

    def tokenizer_info(self) -> dict[str, Any]:
        """Return special tokens and the chat template, as transformers has them."""
        return self._tokenizer.info(max_model_len=self._max_model_len)

    def close(self, *, patience: float) -> None:
        """End the engine's processes, and kill them after *patience* seconds; blocks."""
        # Drop the reference: an engine that lives until the interpreter exits prints an error
        # from its finalizer.
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.shutdown(timeout=patience)
