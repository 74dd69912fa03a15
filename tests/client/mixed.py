"""Requests of many kinds by the stock client, and replays of what was recorded."""

import base64
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct
from openai import APIStatusError, OpenAI

from tests.client.stock import says
from tests.live import CLIPS, KEY, ROOT

_CLIPS = sorted(CLIPS.iterdir())


class Sent(Struct, frozen=True):
    """An answer as its client got it."""

    status: int
    headers: dict[str, str]
    body: bytes


_OF_THE_MOMENT = {"date", "x-request-id", "x-shim-replay", "connection"}


def mixed(client: OpenAI, number: int) -> Sent:
    """Send request *number* and return its answer: chats, streams, recordings, errors."""
    kinds = (_chat, _stream, _drawn, _choices, _upload, _embedding, _json_recording, _error)
    try:
        answer = kinds[number % len(kinds)](client, number // len(kinds))
    except APIStatusError as error:
        answer = error.response
    headers = {name: value for name, value in answer.headers.items() if name not in _OF_THE_MOMENT}
    return Sent(answer.status_code, headers, answer.read())


def each(base_url: str, count: int) -> Iterator[Sent]:
    """Send *count* requests one after the other, and yield each one's answer."""
    with OpenAI(base_url=base_url, api_key=KEY, max_retries=0, timeout=60) as client:
        yield from (mixed(client, number) for number in range(count))


def many(base_url: str, count: int, *, at_once: int = 1) -> list[Sent]:
    """Send *count* requests and return their answers, in their order."""
    client = OpenAI(base_url=base_url, api_key=KEY, max_retries=0, timeout=60)
    with client, ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(partial(mixed, client), range(count)))


def _chat(client: OpenAI, number: int, **options: Any) -> Any:
    given = {"temperature": 0, "max_tokens": 6, **options}
    return client.chat.completions.with_raw_response.create(
        model="toy-chat", messages=says(f"what is {number} + 4"), **given
    ).http_response


def _stream(client: OpenAI, number: int) -> Any:
    return _chat(client, number, stream=True, stream_options={"include_usage": True})


def _drawn(client: OpenAI, number: int) -> Any:
    # Every third is the same request, and has answers of its own.
    return _chat(client, number // 3, temperature=1.5)


def _choices(client: OpenAI, number: int) -> Any:
    return client.completions.with_raw_response.create(
        model="toy-chat", prompt=f"{number} and", max_tokens=1, echo=True, logprobs=2, temperature=0
    ).http_response


def _upload(client: OpenAI, number: int) -> Any:
    return client.audio.transcriptions.with_raw_response.create(
        model="speech", file=_CLIPS[number % 12], response_format="verbose_json"
    ).http_response


def _embedding(client: OpenAI, number: int) -> Any:
    return client.embeddings.with_raw_response.create(
        model="vectors", input=[f"a {number}", "b"]
    ).http_response


def _json_recording(client: OpenAI, number: int) -> Any:
    file = base64.b64encode(_CLIPS[number % 6].read_bytes()).decode()
    body = {"model": "speech", "file": file}
    return client.post("/audio/transcriptions", body=body, cast_to=httpx.Response)


def _error(client: OpenAI, number: int) -> Any:
    model, temperature = ("toy-chat", 9) if number % 2 else ("missing", 0)
    return client.chat.completions.with_raw_response.create(
        model=model, messages=says(str(number)), temperature=temperature
    ).http_response


@contextmanager
def replaying(folder: Path, *arguments: str) -> Iterator[str]:
    """Run `shim replay` on *folder* until the block ends; yield its base URL."""
    command = [sys.executable, "-m", "shim", "replay", str(folder), "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
    assert process.stdout is not None
    try:
        yield re.findall(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        process.stdout.close()
