"""Starts both servers, over the same weights with the same engine arguments."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODEL = Path(__file__).parents[2] / "tests" / "models" / "chat-hf"
NAME = "model"
START_SECONDS = 180.0

ENGINE: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 2048,
    "max_num_seqs": 16,
    "kv_cache_memory_bytes": 1 << 28,
    "max_logprobs": 20,
}
"""Arguments of the engine, which have the same names for both servers."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    url: str
    """The base URL without `/v1`."""


@dataclass(frozen=True)
class Setup:
    """A model and its options, the same for both servers."""

    options: dict[str, Any]
    """Arguments of vLLM's engine and server beside `ENGINE`."""
    source: Path = MODEL
    adapters: dict[str, Path] = field(default_factory=dict)


@contextmanager
def shim(folder: Path, setup: Setup) -> Iterator[Server]:
    """Run Shim with *setup*; a context that ends the server."""
    port = _free_port()
    model = {
        "id": NAME,
        "backend": "vllm",
        "source": str(setup.source),
        "adapters": {name: str(source) for name, source in setup.adapters.items()},
        "options": {**ENGINE, **setup.options},
    }
    config = folder / "shim.toml"
    config.write_text(f"models = [{_toml(model)}]\n")
    command = [sys.executable, "-m", "shim", "serve", "--port", str(port), "--config", str(config)]
    with _running(command, port, folder / "shim.log") as server:
        yield server


@contextmanager
def vllm(folder: Path, setup: Setup) -> Iterator[Server]:
    """Run vLLM's own server with *setup*; a context that ends the server."""
    port = _free_port()
    module = "vllm.entrypoints.openai.api_server"
    command = [sys.executable, "-m", module, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model", str(setup.source), "--served-model-name", NAME]
    for name, value in {**ENGINE, **setup.options}.items():
        flag = f"--{name.replace('_', '-')}"
        command += [flag] if value is True else [flag, *_arguments(value)]
    if "tool_call_parser" in setup.options:
        command.append("--enable-auto-tool-choice")
    if setup.adapters:
        modules = [f"{name}={source}" for name, source in setup.adapters.items()]
        command += ["--enable-lora", "--lora-modules", *modules]
    with _running(command, port, folder / "vllm.log") as server:
        yield server


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def _arguments(value: Any) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [one if isinstance(one, str) else json.dumps(one) for one in several]


@contextmanager
def _running(command: list[str], port: int, output: Path) -> Iterator[Server]:
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    with output.open("w") as log:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, f"{url}/health", output)
        yield Server(process.pid, url)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            # vLLM's server waits for workers that hang while they start.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str, output: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  loopback
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"{process.args} did not start:\n{output.read_text()[-4000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
