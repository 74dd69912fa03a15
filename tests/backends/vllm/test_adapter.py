"""Opening and closing: what is refused at the start, what is left at the end, a death between."""

import logging
import subprocess
import sys
from typing import Any

import psutil
import pytest

from backends.config import VllmModelConfig
from backends.failures import EngineDead
from backends.registry import ModelNotOpened, opened
from backends.vllm.adapter import open_backend
from tests.backends.vllm.dialogue import ask, endless
from tests.live import MODELS, ROOT

SOURCE = str(MODELS / "chat-hf")
QUICK: dict[str, Any] = {
    "enforce_eager": True,
    "max_num_seqs": 4,
    "max_model_len": 2048,
    "kv_cache_memory_bytes": 1 << 26,
}


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (SOURCE, {"max_modle_len": 64}, "unexpected keyword argument 'max_modle_len'"),
        (SOURCE, {"max_model_len": "long"}, "max_model_len"),
        (SOURCE, {"dtype": "float7"}, "dtype"),
        ("/nowhere", {}, "/nowhere"),
    ],
)
@pytest.mark.usefixtures("requires_vllm")
async def test_a_wrong_argument_is_refused(
    source: str, options: dict[str, Any], words: str
) -> None:
    """The message names the model and the argument, in vLLM's own words."""
    config = VllmModelConfig(id="mine", source=source, options=options)

    with pytest.raises(ModelNotOpened, match=words) as refusal:
        await opened((config,)).__aenter__()

    assert "'mine'" in str(refusal.value)


def test_importing_the_adapter_does_not_import_vllm() -> None:
    """A server without vLLM starts."""
    code = "import sys, backends.vllm.adapter; assert 'vllm' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)  # noqa: S603


@pytest.mark.usefixtures("requires_vllm")
async def test_a_dead_engine_is_told_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """EngineDead in mid-answer and ever after, not ready, and every process gone at the end."""
    caplog.set_level(logging.INFO, "backends.vllm.adapter")
    before = set(psutil.Process().children(recursive=True))
    async with open_backend(VllmModelConfig(id="t", source=SOURCE, options=QUICK)) as backend:
        items = backend.generate(endless())
        await anext(items)
        started = set(psutil.Process().children(recursive=True)) - before
        (core,) = (p for p in started if "EngineCore" in "".join(p.cmdline()))

        core.kill()

        with pytest.raises(EngineDead):
            async for _ in items:
                pass
        with pytest.raises(EngineDead):
            await ask(backend, "Hi")
        assert not await backend.ready()

    assert not await backend.ready()
    _, alive = psutil.wait_procs(started, timeout=15)
    assert [p for p in alive if "resource_tracker" not in "".join(p.cmdline())] == []
    told = [r.message for r in caplog.records if r.name == "backends.vllm.adapter"]
    assert [message.partition(" after ")[0] for message in told] == ["loading t", "t is ready"]
