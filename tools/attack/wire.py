"""Requests as bytes, and answers read from a socket: no client library rounds off a corner."""

import asyncio
import json
import time
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KEY = "sk-attack"
BOUNDARY = "5f2b9c1ad3"
_KEPT = 1 << 16
"""Bytes of a body that are kept; the rest is counted."""


@dataclass
class Answer:
    """What came back."""

    outcome: str = "closed"
    """The status; `refused`, `closed`, `reset`: no answer; `timeout`; `cut` in mid-answer."""
    headers: dict[str, str] = field(default_factory=dict)
    """By their names in lower case."""
    body: bytes = b""
    """At most the first 64 KiB."""
    size: int = 0
    """Bytes of the whole body."""
    seconds: float = 0.0

    @property
    def status(self) -> int:
        """The status, or 0 without one."""
        return int(self.outcome) if self.outcome.isdecimal() else 0


def head(
    method: str, path: str, headers: Mapping[str, str], *, key: bool = True, host: str = "127.0.0.1"
) -> bytes:
    """Return a request's head; `Connection: close` unless *headers* has another."""
    given = {"Host": host, "Connection": "close"}
    if key:
        given["Authorization"] = f"Bearer {KEY}"
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in {**given, **headers}.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8")


def get(path: str, *, key: bool = True, **headers: str) -> bytes:
    """Return a GET; underscores in the names of *headers* become hyphens."""
    return head("GET", path, _named(headers), key=key)


def post(path: str, body: bytes | object, *, key: bool = True, **headers: str) -> bytes:
    """Return a POST of *body*: bytes as they are, or an object as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", "Content-Length": str(len(data))}
    return head("POST", path, {**given, **_named(headers)}, key=key) + data


def form(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    """Return a multipart body of *parts*, made by `part`."""
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def part(name: str, content: bytes, *, filename: str | None = None, more: str = "") -> bytes:
    """Return one part of a form; *more* is more lines of its head."""
    named = "" if filename is None else f'; filename="{filename}"'
    start = f'Content-Disposition: form-data; name="{name}"{named}\r\n{more}\r\n'
    return start.encode() + content


def upload(body: bytes, *, path: str = "/v1/audio/transcriptions", **headers: str) -> bytes:
    """Return a POST of a multipart *body*."""
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return post(path, body, **{"Content-Type": kind, **headers})


def recording(audio: bytes, **fields: str) -> bytes:
    """Return a POST of *audio* for transcription."""
    parts = [part(name, value.encode()) for name, value in {"model": "whisper-1", **fields}.items()]
    return upload(form(*parts, part("file", audio, filename="a.bin")))


async def exchange(
    port: int, request: bytes | AsyncIterable[bytes], *, seconds: float = 30
) -> Answer:
    """Send *request*, read the answer until the server closes; never raises for what it does.

    Reading goes on while the request is sent: a server may refuse before it has read all.
    """
    began = time.monotonic()
    answer = Answer()
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            sending = asyncio.create_task(_send(writer, request))
            try:
                await read(reader, answer)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                writer.close()
    except TimeoutError:
        answer.outcome = "timeout"
    except ConnectionRefusedError:
        answer.outcome = "refused"
    except OSError:
        answer.outcome = "cut" if answer.status else "reset"
    answer.seconds = time.monotonic() - began
    return answer


async def read(reader: asyncio.StreamReader, answer: Answer) -> None:
    """Read one answer into *answer*: as long as it says, else up to the end of the connection."""
    while True:
        start = await reader.readline()
        if not start.endswith(b"\n"):
            return  # closed without an answer
        headers = await _headers(reader)
        if not start.split()[1].startswith(b"1"):
            break  # else "100 Continue", which another answer follows
    answer.outcome, answer.headers = start.split()[1].decode(), headers
    left = int(headers.get("content-length", "-1"))
    kept = bytearray()
    while left and (chunk := await reader.read(min(1 << 16, left) if left > 0 else 1 << 16)):
        left -= len(chunk) if left > 0 else 0
        answer.size += len(chunk)
        kept += chunk[: max(0, _KEPT - len(kept))]
        answer.body = bytes(kept)


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    found = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        found[name.strip().lower()] = value.strip()
    return found


async def _send(writer: asyncio.StreamWriter, request: bytes | AsyncIterable[bytes]) -> None:
    if isinstance(request, bytes):
        writer.write(request)
        await writer.drain()
        return
    async for piece in request:
        writer.write(piece)
        await writer.drain()


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def chat(text: Any = "What is 3 plus 4?", **fields: Any) -> dict[str, Any]:
    """Return the body of a chat of one message."""
    messages = [{"role": "user", "content": text}]
    return {"model": "gpt-4o-mini", "messages": messages, **fields}
