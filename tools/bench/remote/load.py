"""Sends a round of requests over plain sockets, and counts what comes back."""

import asyncio
import json
from typing import Any

EVENTS = "streamed event"
CALLS = "call"

STREAMS = 32
"""Streams, or connections for calls, at the same time."""

POSTS = 960
BODY_BYTES = 1500


def _request(port: int, *, stream: bool) -> bytes:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": ""}]}
    if stream:
        body["stream"] = True
    body["messages"][0]["content"] = "x" * (BODY_BYTES - len(json.dumps(body)))
    text = json.dumps(body, separators=(",", ":")).encode()
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "content-type: application/json",
        "authorization: Bearer sk-bench",
        f"content-length: {len(text)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + text


async def send(port: int, unit: str) -> int:
    """Send a round to the server at *port*; return how many events, or calls, came back.

    Raises RuntimeError for another answer than the one that was expected.
    """
    one = _stream if unit == EVENTS else _calls
    return sum(await asyncio.gather(*(one(port) for _ in range(STREAMS))))


async def _stream(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request(port, stream=True))
    events, tail = 0, b""
    while not tail.endswith(b"0\r\n\r\n"):
        data = await reader.read(1 << 16)
        if not data:
            raise RuntimeError(f"the stream ended: {tail!r}")
        events += data.count(b"data: ")
        tail = (tail + data)[-64:]
    writer.close()
    return events


async def _calls(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = _request(port, stream=False)
    for _ in range(POSTS // STREAMS):
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 ok" not in head:
            raise RuntimeError(head.decode())
        if b"content-length: " in head:
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        else:
            await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()
    return POSTS // STREAMS
