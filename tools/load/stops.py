"""A server that ends while clients load it: by SIGTERM, and another begins; and by SIGKILL."""

import asyncio
import os
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai

from tools.attack.sigterm import outlived
from tools.attack.target import Target, started
from tools.attack.wire import exchange, post

CONFIG = """
[server]
shutdown_seconds = 20.0

[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = 32
options = {{ seconds_per_item = 0.01, log_file = "{log}" }}
"""
RETRIES = 3
START_SECONDS = 30.0
LARGE = 1 << 20
"""Bytes of a body that the server decodes in a child process."""


@asynccontextmanager
async def _served(port: int, log: Path) -> AsyncIterator[Target]:
    with started(CONFIG.format(log=log), limit=None, port=port) as target:
        await target.listen(START_SECONDS)
        yield target


async def terminate(*, clients: int, questions: int) -> list[str]:
    """Return what was wrong when a server ended by SIGTERM in the midst of *clients*.

    Each client sends so many questions, one after the other, with the stock client's retries. When
    half of the answers have come, the server gets the signal. Another one listens at the same port
    as soon as it has ended. Each question has to be answered right, and computed once: a request
    that the first server had begun ends there, and others are computed by the second.
    """
    found: list[str] = []
    answered: Counter[str] = Counter()
    half = asyncio.Event()
    port = _free_port()

    with tempfile.TemporaryDirectory(prefix="shim-load-") as folder:
        log = Path(folder) / "computed"
        async with openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key="none",
            max_retries=RETRIES,
        ) as client:

            async def one(number: int) -> None:
                for question in range(questions):
                    text = f"client {number} question {question} " + "word " * (number % 20)
                    try:
                        right = await _answer(client, text, stream=number % 2 == 0) == text.strip()
                    except openai.OpenAIError as error:
                        found.append(f"client {number}: {error!r}")
                        continue
                    if not right:
                        found.append(f"client {number}: another answer")
                    answered[text] += 1
                    if len(answered) * 2 >= clients * questions:
                        half.set()

            async with _served(port, log) as first:
                load = asyncio.gather(*map(one, range(clients)))
                await half.wait()
                first.process.send_signal(signal.SIGTERM)
                status = await asyncio.to_thread(first.process.wait, 60)
            async with _served(port, log):
                await load
        found += _computed_twice(log, clients * questions)
    if status:
        found.append(f"exit status {status}")
    return found


async def _answer(client: openai.AsyncOpenAI, text: str, *, stream: bool) -> str:
    """Return the text of the answer; of a stream, only with its regular end."""
    messages = [{"role": "user", "content": text}]
    if not stream:
        whole = await client.chat.completions.create(model="echo", messages=messages)
        return str(whole.choices[0].message.content)
    words, reason = [], None
    events = await client.chat.completions.create(model="echo", messages=messages, stream=True)
    async for event in events:
        words.append(event.choices[0].delta.content or "")
        reason = event.choices[0].finish_reason or reason
    return "".join(words) if reason == "stop" else f"ended by {reason}"


def _computed_twice(log: Path, questions: int) -> list[str]:
    """Return what of the engines' log is not one beginning and one end for each question.

    The self-test of each server is in it too: the same text twice, and not counted.
    """
    lines = Counter(log.read_text().splitlines())
    tests = 2
    twice = {line: count for line, count in lines.items() if count > 1}
    found = [f"computed {count} times" for count in twice.values() if count != tests]
    ends = sum(line.startswith("end") for line in lines) - len(twice) // 2
    if ends != questions:
        found.append(f"{ends} computations have ended, {questions} questions were asked")
    return found


async def kill() -> list[str]:
    """Return what was wrong when a server ended by SIGKILL: a process that it had started is left.

    Its child process for large bodies runs then, and requests too.
    """
    with tempfile.TemporaryDirectory(prefix="shim-load-") as folder:
        async with _served(0, Path(folder) / "computed") as target:
            large = {"model": "echo", "messages": [{"role": "user", "content": "x" * LARGE}]}
            answer = await exchange(target.port, post("/v1/chat/completions", large, key=False))
            found = [] if answer.status == 200 else [f"a large body: {answer.outcome}"]
            words = {"model": "echo", "messages": [{"role": "user", "content": "word " * 500}]}
            request = post("/v1/chat/completions", words, key=False)
            running = [asyncio.create_task(exchange(target.port, request)) for _ in range(8)]
            await asyncio.wait(running, timeout=0.5)
            os.kill(target.pid, signal.SIGKILL)
            target.process.wait()
            if await outlived(target.pid):
                found.append("a process that the killed server had started is left")
            await asyncio.gather(*running)
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
