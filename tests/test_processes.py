"""No process is left behind, however a server with vLLM ends."""

from collections.abc import Iterator
from pathlib import Path

import openai
import psutil
import pytest

from tests.live import KEY, LiveServer, serving, skip_without_vllm, vllm_config

PATIENCE = 60
"""Seconds for processes to end on a busy machine; they take two or three on an idle one."""


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[LiveServer]:
    """Serve a model through vLLM, in the middle of an answer."""
    skip_without_vllm()
    with (
        serving("--config", str(vllm_config(tmp_path))) as live,
        openai.OpenAI(base_url=live.base_url, api_key=KEY, max_retries=0) as client,
    ):
        stream = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "Count."}],
            logit_bias={"2": -100},  # never the end-of-sequence token
            stream=True,
        )
        next(iter(stream))
        yield live
        stream.close()


# `tests/client/test_dying_engine.py` and `tests/backends/vllm/process/test_children.py` end
# servers in worse moments.
@pytest.mark.slow
@pytest.mark.parametrize(
    "sign",
    [
        "terminate",
        "kill",
    ],
)
def test_a_signal_leaves_no_process(answering: LiveServer, sign: str) -> None:
    """A server that is told to stop (SIGTERM), or killed, takes all of vLLM's processes along."""
    server = psutil.Process(answering.process.pid)
    family = server.children(recursive=True)
    assert any("vllm" in process.name().lower() for process in family)

    getattr(server, sign)()

    gone, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive, gone
