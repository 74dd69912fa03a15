"""Requests to a server, so many in flight at once, as a child that costs next to nothing.

The client shares the processors with the server: so it is plain HTTP/1.1 over streams, one kept
connection for each request in flight, and bodies that were put together before the clock starts.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tools.bench.child import Run, answer

BOUNDARY = "3f9c1c3d0f2a4b6e"


def request(host: str, fields: dict[str, Any], clip: Path) -> bytes:
    """Return a whole transcription request, its head included."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{clip.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(parts).encode() + clip.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: {host}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One connection that is kept: sends a request, reads the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def text(self, sent: bytes) -> str:
        """Return the transcript. Raises RuntimeError for any other answer than 200."""
        transcript: str = (await self.answer(sent))["text"]
        return transcript.strip()

    async def answer(self, sent: bytes) -> Any:
        """Return the JSON of an answer. Raises RuntimeError for any other answer than 200."""
        self._writer.write(sent)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(line for line in lines if line.startswith("content-length:"))
        body = await self._reader.readexactly(int(length.partition(":")[2]))
        if " 200 " not in lines[0]:
            raise RuntimeError(f"{lines[0]}: {body.decode(errors='replace')}")
        return json.loads(body)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def send_all(url: str, requests: list[bytes], in_flight: int) -> Run:
    """Send *requests*, *in_flight* at once: the next one as soon as one is answered."""
    at = urlsplit(url)
    connections = [
        Connection(*await asyncio.open_connection(at.hostname, at.port)) for _ in range(in_flight)
    ]
    texts, latencies = [""] * len(requests), [0.0] * len(requests)

    async def keep_busy(connection: Connection, todo: Iterator[tuple[int, bytes]]) -> None:
        for place, sent in todo:
            began = time.perf_counter()
            texts[place] = await connection.text(sent)
            latencies[place] = time.perf_counter() - began

    todo = iter(enumerate(requests))
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(keep_busy(connection, todo))
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return Run(seconds=seconds, texts=texts, latencies=latencies)


def work(*, url: str, clips: list[str], fields: dict[str, Any], in_flight: int) -> Run:
    """Have *clips*, files, transcribed by the server at *url*."""
    host = urlsplit(url).netloc
    requests = [request(host, fields, Path(clip)) for clip in clips]
    return asyncio.run(send_all(url, requests, in_flight))


if __name__ == "__main__":
    answer(work)
