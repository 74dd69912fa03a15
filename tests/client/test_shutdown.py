"""The end of a server: what is running may end, within bounds; all else gets an answer at once."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.client.raw import BODY, connecting, head, request
from tests.client.stock import says
from tests.live import LiveServer, serving

CONFIG = """
[server]
shutdown_seconds = {seconds}
[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = 1
options = {{ seconds_per_item = 0.1 }}
"""

WORDS = 1000
"""Words of an answer that takes longer than any test: at ten a second."""

UNAVAILABLE = (503, "server_is_overloaded")


@pytest.fixture
def long_grace(tmp_path: Path) -> Path:
    """Return a configuration with half a minute of grace."""
    return _config(tmp_path, 30)


@pytest.fixture
def short_grace(tmp_path: Path) -> Path:
    """Return a configuration with half a second of grace."""
    return _config(tmp_path, 0.5)


def _config(folder: Path, seconds: float) -> Path:
    file = folder / "shim.toml"
    file.write_text(CONFIG.format(seconds=seconds))
    return file


def asking(words: int, *, stream: bool = False) -> dict[str, object]:
    """Return a request whose answer has so many words."""
    return {"model": "echo", "messages": says("word " * words), "stream": stream}


async def lines_across_sigterm(server: LiveServer, words: int) -> AsyncIterator[str]:
    """Yield a stream's lines; the server is told to end once the first has come."""
    async with (
        httpx.AsyncClient(base_url=server.base_url, timeout=60) as http,
        http.stream("POST", "chat/completions", json=asking(words, stream=True)) as answer,
    ):
        lines = answer.aiter_lines()
        yield await anext(lines)
        server.process.send_signal(signal.SIGTERM)
        async for line in lines:
            yield line


@asynccontextmanager
async def asking_at(
    server: LiveServer,
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Yield a client of the API and one of the metrics."""
    async with (
        httpx.AsyncClient(base_url=server.base_url, timeout=60) as http,
        httpx.AsyncClient(base_url=server.url, timeout=60) as metrics,
    ):
        yield http, metrics


async def queued(http: httpx.AsyncClient, *, running: int = 1, waiting: int = 0) -> None:
    """Return once so many requests run and wait."""
    wanted = {
        f'shim_requests_running{{model="echo"}} {running:.1f}',
        f'shim_requests_waiting{{model="echo"}} {waiting:.1f}',
    }
    lines: set[str] = set()
    while not wanted <= lines:
        lines = {*(await http.get("/metrics")).text.splitlines()}


async def running(http: httpx.AsyncClient, words: int = WORDS) -> httpx.Response:
    """Return the answer to a long request, of which the server has taken the only slot."""
    return await http.post("chat/completions", json=asking(words))


async def test_a_running_stream_ends_first(long_grace: Path) -> None:
    """Told to end, the server finishes the stream that is running, then goes in order."""
    with serving("--config", str(long_grace)) as server:
        lines = [line async for line in lines_across_sigterm(server, words=10) if line]
        code = server.process.wait(timeout=30)

    assert sum('"content":" word"' in line for line in lines) == 9
    assert lines[-1] == "data: [DONE]"
    assert code == 0


async def test_an_endless_stream_ends_with_an_error(short_grace: Path) -> None:
    """A stream that would outlast the bound ends with an error event, and the server in order."""
    with serving("--config", str(short_grace)) as server:
        lines = [line async for line in lines_across_sigterm(server, words=WORDS) if line]
        code = server.process.wait(timeout=30)

    assert lines[-1] == "data: [DONE]"
    assert json.loads(lines[-2].removeprefix("data: "))["error"]["code"] == "server_is_overloaded"
    assert code == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(sign: signal.Signals) -> None:
    """Either signal ends a server that has nothing to do."""
    with serving("--model", "echo=fake:chat") as server:
        server.process.send_signal(sign)

        assert server.process.wait(timeout=30) == 0


@pytest.mark.parametrize("sent", [head("x: y")[:-2], request()[:-5]], ids=["head", "body"])
async def test_half_a_request_ends_at_once(long_grace: Path, sent: bytes) -> None:
    """A request that has not come to its end is refused, and delays nothing."""
    with serving("--config", str(long_grace)) as server:
        async with connecting(server) as connect:
            raw = await connect()
            raw.send(head("content-length: 0", method="GET", path="/health"))
            assert (await raw.answer()).status == 200
            raw.send(sent)
            # The server has read it when it answers another request that was sent later.
            other = await connect()
            other.send(head("content-length: 0", method="GET", path="/health"))
            await other.answer()
            begin = time.monotonic()
            server.process.send_signal(signal.SIGTERM)

            answer = await raw.answer()

            assert (answer.status, answer.code) == UNAVAILABLE
            assert int(answer.headers["retry-after"]) >= 1
        assert server.process.wait(timeout=30) == 0
        assert time.monotonic() - begin < 10  # of 30 s of grace


async def test_what_waits_is_refused_at_once(long_grace: Path) -> None:
    """A request that waits for a slot gets a 503; the one that runs is answered."""
    with serving("--config", str(long_grace)) as server:
        async with asking_at(server) as (http, metrics):
            first = asyncio.create_task(running(http, words=20))
            await queued(metrics)
            second = asyncio.create_task(running(http))
            await queued(metrics, waiting=1)
            server.process.send_signal(signal.SIGTERM)

            waited, answered = await second, await first

        assert server.process.wait(timeout=30) == 0
    assert (waited.status_code, waited.json()["error"]["code"]) == UNAVAILABLE
    assert answered.status_code == 200


async def test_a_whole_answer_that_takes_too_long(
    short_grace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """At the end of the grace a running request gets a 503, and the log no traceback."""
    with serving("--config", str(short_grace)) as server:
        async with asking_at(server) as (http, metrics):
            request = asyncio.create_task(running(http))
            await queued(metrics)
            server.process.send_signal(signal.SIGTERM)

            answer = await request

        assert server.process.wait(timeout=30) == 0
    assert (answer.status_code, answer.json()["error"]["code"]) == UNAVAILABLE
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "Traceback" not in capfd.readouterr().err


async def test_a_second_signal_ends_at_once(long_grace: Path) -> None:
    """Whoever does not want to wait for the grace sends the signal again."""
    with serving("--config", str(long_grace)) as server:
        async with asking_at(server) as (http, metrics):
            request = asyncio.create_task(running(http))
            await queued(metrics)
            server.process.send_signal(signal.SIGTERM)
            await _draining(metrics)
            server.process.send_signal(signal.SIGTERM)

            with pytest.raises(httpx.RemoteProtocolError):
                await request
            assert server.process.wait(timeout=10) == -signal.SIGTERM


async def _draining(http: httpx.AsyncClient) -> None:
    """Return once the server has noticed the signal."""
    while (await http.get("/ready")).status_code == 200:
        pass


async def test_new_requests_are_refused_until_the_end(long_grace: Path) -> None:
    """While a request still runs, new ones get a 503 and `/ready` is false; `/health` goes on."""
    with serving("--config", str(long_grace)) as server:
        async with asking_at(server) as (http, metrics):
            first = asyncio.create_task(running(http, words=20))
            await queued(metrics)
            server.process.send_signal(signal.SIGTERM)
            await _draining(metrics)

            late = await running(http)
            health = await metrics.get("/health")

            assert (await first).status_code == 200
        assert server.process.wait(timeout=30) == 0
    assert (late.status_code, late.json()["error"]["code"]) == UNAVAILABLE
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert health.status_code == 200


async def test_a_client_that_does_not_read_delays_little(short_grace: Path) -> None:
    """What cannot be written when the grace has ended is given up."""
    with serving("--config", str(short_grace)) as server:
        async with connecting(server) as connect:
            raw = await connect()
            raw.writer.transport.pause_reading()
            raw.send(request(BODY.replace(b"one two", b"x" * 2000 + b" y" * 1000)))
            other = await connect()
            other.send(head("content-length: 0", method="GET", path="/health"))
            await other.answer()
            server.process.send_signal(signal.SIGTERM)

            assert server.process.wait(timeout=20) == 0
