"""Large bodies are decoded in a child process, which may die."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Iterator
from functools import partial
from typing import IO, Any

import httpx
import msgspec
import psutil
import pytest

from shim.api.chat.protocol import ChatRequest
from shim.api.transcription.json_body import Source, Split, split
from shim.errors import DecoderFailed, InvalidParameter, UnsupportedParameter
from shim.http.json_decoding import Rules, decoded
from shim.http.json_worker import JsonWorker
from shim.limits import Limits
from tests.live import serving

LIMITS = Limits()
RULES = Rules(limits=LIMITS)
STRICT = Rules(limits=LIMITS, strict=True)


@pytest.fixture(scope="module")
def worker() -> Iterator[JsonWorker]:
    """Return a worker with its child process."""
    with JsonWorker() as worker:
        yield worker


def chat(content: Any, **more: Any) -> bytes:
    """Return the body of a chat with one message of *content*."""
    return msgspec.json.encode({"messages": [{"role": "user", "content": content}], **more})


def process(worker: JsonWorker) -> psutil.Process:
    """Return the worker's child process."""
    assert worker._child is not None
    return psutil.Process(worker._child.pid)


@pytest.mark.parametrize(
    "body",
    [
        chat("short"),
        chat("a" * 3_000_000),
        chat("я" * 1_000_000 + "😀" * 500_000),
        chat('\n\\"' * 300_000),
        chat([{"type": "text", "text": "b" * 300_000}] * 5),
        chat([{"type": "text", "text": f"{number}"} for number in range(4000)]),
        chat("a", chat_template_kwargs={"x": [[number, {}] for number in range(4000)]}),
    ],
    ids=["short", "long", "wide", "escapes", "several", "parts", "nested"],
)
async def test_the_same_value(worker: JsonWorker, body: bytes) -> None:
    """The child's value of a body is the one that this process decodes."""
    assert await worker.decode(body, ChatRequest, RULES) == decoded(body, ChatRequest, RULES)


async def test_a_declared_charset(worker: JsonWorker) -> None:
    """The child decodes a body in the charset that its request declares."""
    body = chat("é" * 300_000)
    rules = Rules(limits=LIMITS, charset="latin-1")

    request = await worker.decode(body.decode().encode("latin-1"), ChatRequest, rules)

    assert request == decoded(body, ChatRequest, RULES)


async def test_a_function_is_applied(worker: JsonWorker) -> None:
    """A function, such as the one for an upload's base64, runs in the child."""
    body = msgspec.json.encode({"file": "QUJD" * 1_000_000, "model": "m"})

    make = partial(split, field_bytes=100, files=1)

    found = Split({"model": "m"}, [Source("file", b"ABC" * 1_000_000)], listed=False)
    assert await worker.decode(body, make, RULES) == found


async def test_an_error_of_a_part(worker: JsonWorker) -> None:
    """An error that belongs to one part of a body comes back as it was raised in the child."""
    body = msgspec.json.encode({"files": ["QUJD", "%"]})

    found = await worker.decode(body, partial(split, field_bytes=100, files=2), RULES)

    error = found.sources[1].content
    assert isinstance(error, InvalidParameter)
    assert (error.param, str(error)[:10]) == ("files[1]", "`files[1]`")


@pytest.mark.parametrize(
    ("body", "rules", "kind", "param"),
    [
        (b'{"messages": 1}', RULES, InvalidParameter, "messages"),
        (chat("a", tools=[{"function": {"name": "f"}}] * 2000), RULES, InvalidParameter, "tools"),
        (chat("a", odd=1), STRICT, UnsupportedParameter, "odd"),
        (b"[" * 5_000_000, RULES, InvalidParameter, None),
        (chat("a" * LIMITS.text_characters + "я"), RULES, InvalidParameter, None),
        (msgspec.json.encode([1]), RULES, InvalidParameter, None),
    ],
    ids=["type", "count", "strict", "values", "text", "array"],
)
async def test_a_refusal(
    worker: JsonWorker, body: bytes, rules: Rules, kind: type[Exception], param: str | None
) -> None:
    """The child's error is raised here too, and the child lives on."""
    with pytest.raises(kind) as refusal:
        await worker.decode(body, ChatRequest, rules)

    assert getattr(refusal.value, "param", ...) == param
    assert await worker.decode(chat("a"), ChatRequest, RULES)


@pytest.mark.parametrize("depth", [100, 300, 500, 900, 2000, 100_000])
async def test_depth(worker: JsonWorker, depth: int) -> None:
    """A body of any depth is decoded or refused, and the child lives on."""
    body = b'{"user": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    await worker.decode(chat("a"), ChatRequest, RULES)
    pid = process(worker).pid

    try:
        value = await worker.decode(body, dict, RULES)
    except InvalidParameter:
        assert depth > 100
    else:
        assert msgspec.json.encode(value) == body.replace(b" ", b"")
    assert process(worker).pid == pid


async def test_long_ascii(worker: JsonWorker) -> None:
    """A string of ASCII, such as an image in base64, may be longer than a text."""
    body = chat([{"type": "image_url", "image_url": "a" * (LIMITS.text_characters + 1)}])

    assert await worker.decode(body, ChatRequest, RULES)


async def test_too_little_memory() -> None:
    """A body that takes more memory than the child may have is refused; the child lives on."""
    rules = Rules(limits=Limits(json_values=10**9, list_items=10**9))
    too_much = msgspec.json.encode([[]] * 2_000_000)
    with JsonWorker(memory_bytes=1 << 28) as worker:
        with pytest.raises(InvalidParameter, match="memory"):
            await worker.decode(too_much, list[Any], rules)  # type: ignore[arg-type]

        first = process(worker)
        assert await worker.decode(chat("a" * 5_000_000), ChatRequest, RULES)
        assert process(worker) == first


async def test_the_largest_body(worker: JsonWorker) -> None:
    """The largest body that the limits allow fits into the child's memory."""
    body = chat("a" * (LIMITS.body_bytes - 100))

    assert await worker.decode(body, ChatRequest, RULES)


async def test_cancelled_requests(worker: JsonWorker) -> None:
    """Requests that are cancelled, while they are decoded or before, do not disturb the next."""
    body = chat("b" * 5_000_000)
    cancelled = [asyncio.create_task(worker.decode(body, ChatRequest, RULES)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)

    request = await worker.decode(chat("c"), ChatRequest, RULES)

    assert all(task.cancelled() for task in cancelled)
    assert request == decoded(chat("c"), ChatRequest, RULES)


async def test_a_death_costs_one_request() -> None:
    """A request whose child dies gets a 503; the next one gets another child."""
    with JsonWorker() as worker:
        await worker.decode(chat("a"), ChatRequest, RULES)
        first = process(worker)
        first.suspend()

        with pytest.raises(DecoderFailed):
            await _killed_in_the_middle(worker, first)

        assert await worker.decode(chat("a"), ChatRequest, RULES)
        assert process(worker) != first


async def _killed_in_the_middle(worker: JsonWorker, child: psutil.Process) -> None:
    assert worker._child is not None
    assert worker._child.stdin is not None
    waiting = asyncio.create_task(worker.decode(chat("a" * 5_000_000), ChatRequest, RULES))
    # A child that has died before is replaced. Its pipe holds a fifth of the body.
    while not _bytes_in(worker._child.stdin):  # noqa: ASYNC110  a thread writes them
        await asyncio.sleep(0.001)
    child.kill()
    await waiting


def _bytes_in(pipe: IO[bytes]) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_a_death_between_requests() -> None:
    """A child that has died while it was idle is replaced."""
    with JsonWorker() as worker:
        await worker.decode(chat("a"), ChatRequest, RULES)
        process(worker).kill()
        process(worker).wait()

        assert await worker.decode(chat("a"), ChatRequest, RULES)


async def test_a_child_that_hangs() -> None:
    """A child that does not reply in time is killed."""
    with JsonWorker(seconds=0.2) as worker:
        child = psutil.Process(worker._running_child().pid)
        child.suspend()

        with pytest.raises(DecoderFailed):
            await worker.decode(chat("a"), ChatRequest, RULES)

        assert not child.is_running()


def test_closing_ends_the_child() -> None:
    """Closing a worker ends its child, and works without a child too."""
    with JsonWorker() as worker:
        child = psutil.Process(worker._running_child().pid)

    assert not child.is_running()
    with JsonWorker():
        pass


@pytest.mark.parametrize("sign", ["terminate", "kill"])
def test_it_ends_with_the_server(sign: str) -> None:
    """The child ends when its server does, however that ends."""
    with serving("--model", "m=fake:chat") as live:
        server = psutil.Process(live.process.pid)
        answer = httpx.post(
            f"{live.base_url}/chat/completions",
            content=chat("a " * 200_000, model="m"),
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 400  # longer than its context
        children = server.children(recursive=True)
        assert children

        getattr(server, sign)()

        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive
