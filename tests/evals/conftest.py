"""Fixtures of the evaluations' tests: a scripted server, clients for it, manifests, clips."""

import json
import signal
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from evals.ask.client import connect
from evals.dataset import Clip, Dialogue
from tests.evals.scripted_server import ScriptedServer


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Serve "4" to every dialogue, unless a test writes another script."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[AsyncOpenAI]:
    """Connect to that server, with two retries."""
    async with connect(base_url=server.base_url, max_retries=2, timeout=5) as client:
        yield client


@pytest.fixture
def dialogue() -> Dialogue:
    """Return a sum to be solved."""
    messages = [{"role": "user", "content": "2+2="}]
    return Dialogue(index=0, id="sum", target="4", metadata={}, messages=messages)


@pytest.fixture
def clip(wav: Path) -> Clip:
    """Return two seconds of silence that claim to say something."""
    return Clip(index=0, id="w", target="turn on", metadata={}, audio=wav, language=None)


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Write two seconds of silence, 8 kHz mono."""
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 2 * 8000))
    return path


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a manifest from objects or raw lines."""

    def write(*lines: dict[str, Any] | str) -> Path:
        path = tmp_path / "task.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts) + "\n")
        return path

    return write


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt this process and its children, also in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
