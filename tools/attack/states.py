"""The states in which a server may be told to end, and what a client of each sees."""

import asyncio
from collections.abc import Awaitable, Callable

from tools.attack.wire import KEY, Answer, chat, exchange, get, post, read

GRACE = 2.0
"""Seconds."""

CHATS = "/v1/chat/completions"
_SHORT, _LONG = 20, 2000
"""Words of an answer, at twenty a second: the first fits into the grace."""

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
shutdown_seconds = {GRACE}
[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = 1
max_waiting = 8
options = {{ seconds_per_item = 0.05, max_model_len = 4000 }}
"""
"""One model with one slot."""

Clients = dict[str, "asyncio.Task[str]"]
State = Callable[[int], Awaitable[Clients]]


def ask(words: int, *, stream: bool = False) -> bytes:
    """Return a request whose answer has so many words."""
    return post(CHATS, {**chat("word " * words), "model": "echo", "stream": stream})


def seen(answer: Answer) -> str:
    """Return an answer in a few words."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        ends = "[DONE]" if b"data: [DONE]\n\n" in answer.body else "cut"
        error = "error event, " if b'"error":' in answer.body else ""
        return f"stream, {error}{ends}"
    if not answer.status:
        return answer.outcome
    shape = "" if answer.status < 400 or b'"code":' in answer.body else " not OpenAI's"
    after = (
        f", Retry-After {answer.headers['retry-after']}" if "retry-after" in answer.headers else ""
    )
    return f"{answer.outcome}{shape}{after}"


def asked(port: int, request: bytes) -> "asyncio.Task[str]":
    """Send *request*; return the task that ends with what its client saw."""

    async def one() -> str:
        return seen(await exchange(port, request, seconds=30))

    return asyncio.create_task(one())


async def _queued(port: int, *, running: int, waiting: int = 0) -> None:
    """Wait until so many requests run and wait."""
    wanted = {
        f'shim_requests_running{{model="echo"}} {running}.0',
        f'shim_requests_waiting{{model="echo"}} {waiting}.0',
    }
    lines: set[str] = set()
    async with asyncio.timeout(10):
        while not wanted <= lines:
            lines = {*(await exchange(port, get("/metrics"))).body.decode().splitlines()}


async def _held(port: int, opening: bytes) -> "asyncio.Task[str]":
    """Open a connection, ask once so that the server knows it, send *opening*."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get("/health", Connection="keep-alive"))
    await read(reader, Answer())
    writer.write(opening)

    async def rest() -> str:
        answer = Answer()
        try:
            async with asyncio.timeout(30):
                await read(reader, answer)
        except OSError:
            answer.outcome = "reset"
        writer.close()
        return seen(answer)

    return asyncio.create_task(rest())


async def idle(port: int) -> Clients:
    """Keep a connection open, on which nothing runs."""
    return {"kept": await _held(port, b"")}


async def half_head(port: int) -> Clients:
    """Send half a head."""
    return {"half": await _held(port, b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n")}


async def half_body(port: int) -> Clients:
    """Send half a body."""
    return {"half": await _held(port, ask(5)[:-20])}


async def whole(port: int) -> Clients:
    """Ask for an answer that ends within the grace."""
    return await _running(port, {"client": ask(_SHORT)})


async def whole_too_long(port: int) -> Clients:
    """Ask for an answer that does not end within the grace."""
    return await _running(port, {"client": ask(_LONG)})


async def stream(port: int) -> Clients:
    """Ask for a stream that ends within the grace."""
    return await _running(port, {"client": ask(_SHORT, stream=True)})


async def stream_too_long(port: int) -> Clients:
    """Ask for a stream that does not end within the grace."""
    return await _running(port, {"client": ask(_LONG, stream=True)})


async def waiting(port: int) -> Clients:
    """Let two requests wait behind one that ends within the grace."""
    clients = await _running(port, {"runs": ask(_SHORT)})
    clients["waits"] = asked(port, ask(2))
    clients["waits, streamed"] = asked(port, ask(2, stream=True))
    await _queued(port, running=1, waiting=2)
    return clients


async def _running(port: int, requests: dict[str, bytes]) -> Clients:
    clients = {name: asked(port, request) for name, request in requests.items()}
    await _queued(port, running=len(clients))
    return clients


STATES: dict[str, State] = {
    function.__name__.replace("_", " "): function
    for function in (
        idle, half_head, half_body, waiting, whole, whole_too_long, stream, stream_too_long
    )
}  # fmt: skip
