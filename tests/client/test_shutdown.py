"""The end of a server: what is running may end, within bounds."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.client.stock import says
from tests.live import LiveServer, serving

CONFIG = """
[server]
shutdown_seconds = {seconds}
[[models]]
id = "echo"
backend = "fake"
source = "chat"
options = {{ seconds_per_item = 0.1 }}
"""


async def lines_across_sigterm(server: LiveServer, words: int) -> AsyncIterator[str]:
    """Yield a stream's lines; the server is told to end once the first has come."""
    body = {"model": "echo", "messages": says("word " * words), "stream": True}
    async with (
        httpx.AsyncClient(base_url=server.base_url, timeout=60) as http,
        http.stream("POST", "chat/completions", json=body) as answer,
    ):
        lines = answer.aiter_lines()
        yield await anext(lines)
        server.process.send_signal(signal.SIGTERM)
        async for line in lines:
            yield line


async def test_a_running_stream_ends_first(tmp_path: Path) -> None:
    """Told to end, the server finishes the stream that is running, then goes in order."""
    file = tmp_path / "shim.toml"
    file.write_text(CONFIG.format(seconds=30))
    with serving("--config", str(file)) as server:
        lines = [line async for line in lines_across_sigterm(server, words=10) if line]
        code = server.process.wait(timeout=30)

    assert sum('"content":" word"' in line for line in lines) == 9
    assert lines[-1] == "data: [DONE]"
    assert code == 0


async def test_an_endless_stream_is_cut(tmp_path: Path) -> None:
    """A stream that would outlast the bound is cut off, and its client notices."""
    file = tmp_path / "shim.toml"
    file.write_text(CONFIG.format(seconds=1))
    with serving("--config", str(file)) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            _ = [line async for line in lines_across_sigterm(server, words=1000)]
        code = server.process.wait(timeout=30)

    assert code == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(sign: signal.Signals) -> None:
    """Either signal ends a server that has nothing to do."""
    with serving("--model", "echo=fake:chat") as server:
        server.process.send_signal(sign)

        assert server.process.wait(timeout=30) == 0
