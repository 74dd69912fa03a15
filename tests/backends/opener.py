"""Every backend under its test configuration, opened when a test first needs it."""

from contextlib import AsyncExitStack

import pytest

from backends.base import Backend
from backends.config import (
    Ct2ModelConfig,
    Ct2Options,
    FakeModelConfig,
    ModelConfig,
    VllmModelConfig,
    WhisperModelConfig,
    WhisperOptions,
)
from backends.registry import adapter
from tests.live import BUILTIN, INTERVAL, MODELS, VLLM_OPTIONS, skip_without_vllm

CONFIGS: dict[str, ModelConfig] = {
    "ct2": Ct2ModelConfig(
        id="ct2", source=str(BUILTIN / "chat"), options=Ct2Options(intra_threads=1)
    ),
    "vllm": VllmModelConfig(
        id="vllm",
        source=str(MODELS / "chat-hf"),
        stream_interval_ms=None if INTERVAL is None else int(INTERVAL),
        options=VLLM_OPTIONS,
    ),
    "vllm-embedding": VllmModelConfig(
        id="vllm-embedding",
        source=str(MODELS / "chat-hf"),
        options={**VLLM_OPTIONS, "runner": "pooling", "convert": "embed"},
    ),
    "fake-embedding": FakeModelConfig(id="fake-embedding", source="embedding"),
    "fake-chat": FakeModelConfig(id="fake-chat", source="chat"),
    "whisper": WhisperModelConfig(
        id="whisper",
        source=str(BUILTIN / "speech"),
        max_running=2,
        options=WhisperOptions(compute_type="int8", cpu_threads=1),
    ),
    "fake-speech": FakeModelConfig(id="fake-speech", source="speech"),
}
VLLM_EMBEDDING = pytest.param("vllm-embedding", marks=pytest.mark.slow)
"""`tests/fidelity/test_embeddings_fidelity.py` has another such engine in the quick tests."""


class Opener:
    """Opens each backend once; all are closed with its stack."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._opened: dict[str, Backend] = {}

    async def open(self, name: str) -> Backend:
        """Return the backend of that name in CONFIGS."""
        if name.startswith("vllm"):
            skip_without_vllm()
        if name not in self._opened:
            context = adapter(CONFIGS[name])
            self._opened[name] = await self._stack.enter_async_context(context)
        return self._opened[name]
