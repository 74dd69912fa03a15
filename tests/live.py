"""The real command line in a process of its own, and where the tests find their models."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest

import backends
import evals
from tests import lora

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "tests" / "models"
# Of the packages that are tested: those of the tree, or an installed wheel's (`tools.wheel`).
BUILTIN = Path(backends.__file__).parent / "builtin"
CLIPS = Path(evals.__file__).parent / "data" / "clips"

KEY = "sk-test"

PYTHON = os.environ.get("SHIM_PYTHON", sys.executable)
"""Which Python serves: not that of the tests where only the client is another (`tools.matrix`)."""

INTERVAL = os.environ.get("SHIM_TESTS_STREAM_INTERVAL_MS")
"""`stream_interval_ms` of the engines that the tests share: their results must not depend on it."""

CLUSTER = os.environ.get("SHIM_TESTS_CLUSTER")
"""Address of a cluster for the models of all servers: their results must not depend on it."""

# Quick to start and small: no compilation, a quarter of a GiB of cache.
VLLM_OPTIONS = {
    # As the weights are; vLLM's own "auto" would round them to bfloat16.
    "dtype": "float32",
    "enforce_eager": True,
    "max_num_seqs": 16,
    "kv_cache_memory_bytes": 1 << 28,
}

TOY_CHAT = f"""
[[models]]
id = "toy-chat"
backend = "ct2"
source = "{BUILTIN / "chat"}"
"""
TOY_SPEECH = f"""
[[models]]
id = "toy"
backend = "whisper"
source = "{BUILTIN / "speech"}"
"""
REPLICATED = f"""
[[models]]
id = "toy-speech"
backend = "whisper"
source = "{BUILTIN / "speech"}"
aliases = ["whisper-1"]
options = {{ device = "cpu", compute_type = "int8", cpu_threads = 1, num_workers = 2 }}
cluster = {{ replicas = 2, resources = {{ slot-a = 1 }} }}

[[models]]
id = "toy-chat"
backend = "ct2"
source = "{BUILTIN / "chat"}"
aliases = ["gpt-4o-mini"]
options = {{ compute_type = "float32", intra_threads = 1, inter_threads = 2 }}
cluster = {{ replicas = 2, resources = {{ slot-b = 1 }} }}
"""
"""The models that are served without a configuration, each with two replicas in a cluster."""

FAKE_VECTORS = """
[[models]]
id = "vectors"
backend = "fake"
source = "embedding"
"""


UNDELAYED = {"SHIM_LIMITS_REFUSAL_DELAY_SECONDS": "0"}


class LiveServer:
    """A running `shim serve` and what it printed."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        """Without `/v1`."""

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes."""
        return f"{self.url}/v1"


@contextmanager
def serving(
    *arguments: str, stderr: TextIO | None = None, **environment: str
) -> Iterator[LiveServer]:
    """Run `shim serve` with *arguments* on a free port until the block ends.

    Without `--model` and `--config` it serves the built-in toys, and not what was pulled here. It
    does not delay the same refusal, which some tests would wait for a hundred times. Its log goes
    to *stderr*; None: to that of the tests.
    """
    named = {"--model", "--config"} & set(arguments)
    if CLUSTER is not None and "--cluster" not in arguments:
        arguments = (*arguments, "--cluster", CLUSTER)
    command = [
        PYTHON,
        "-m",
        "shim",
        "serve",
        "--port",
        "0",
        *arguments,
        *([] if named else ["toys"]),
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHIM_")}
    process = subprocess.Popen(  # noqa: S603
        command,
        env={**clean, **UNDELAYED, **environment},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        # The line comes once the models are open; a server that fails ends its output instead.
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield LiveServer(process, found.group())
                break
        else:
            pytest.fail(f"{command} ended with {process.wait()} before it listened")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        process.stdout.close()


def vllm_config(folder: Path, *more: str) -> Path:
    """Write a configuration with one vLLM model, under the name that harnesses use, and *more*.

    It calls tools as Hermes does, and has an adapter, `odd`.
    """
    config = folder / "shim.toml"
    adapter = folder / "odd"
    # It takes torch, which only the Python that serves need have.
    subprocess.run([PYTHON, "-m", "tests.lora", str(adapter)], check=True, cwd=ROOT)  # noqa: S603
    adapted = {"max_lora_rank": lora.RANK, "lora_target_modules": lora.TARGETS}
    given = {**VLLM_OPTIONS, "tool_call_parser": "hermes", **adapted}
    interval = f"stream_interval_ms = {INTERVAL}\n" if INTERVAL else ""
    config.write_text(
        f'[server]\napi_keys = ["{KEY}"]\n[[models]]\nid = "gpt-4o-mini"\nbackend = "vllm"\n'
        f'source = "{MODELS / "chat-hf"}"\nadapters = {{ odd = "{adapter}" }}\n{interval}'
        f"[models.options]\n{as_toml(given)}\n{''.join(more)}"
    )
    return config


def as_toml(values: Mapping[str, Any]) -> str:
    """Return *values*, none of them a table, as lines of TOML."""
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())


def skip_without_vllm() -> None:
    """Skip loudly where vLLM is not installed; in CI that is a failure."""
    skip_without("vllm", "vLLM")


def skip_without(package: str, name: str) -> None:
    """Skip loudly where *package*, called *name*, is not installed; in CI that is a failure."""
    look = f"import sys, importlib.util; sys.exit(importlib.util.find_spec({package!r}) is None)"
    if subprocess.run([PYTHON, "-c", look], check=False).returncode:  # noqa: S603
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed: in CI its tests must run")
        pytest.skip(
            f"{name.upper()} IS NOT INSTALLED: ITS TESTS DID NOT RUN", allow_module_level=True
        )
