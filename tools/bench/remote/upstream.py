"""The server behind: paced streams and whole answers of OpenAI's form, from a script."""

import argparse
import asyncio
import json
from collections.abc import Callable
from typing import cast

import uvloop

EVENTS = 200
"""Events of a stream, before its last one."""

EVENT_BYTES = 230
ANSWER_BYTES = 1500
SECONDS = 0.01
"""Seconds between two events of a stream."""

_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "m"}
_END = b"\r\n\r\n"


def _padded(make: Callable[[str], object], size: int) -> bytes:
    """Return what *make* returns for a text, as JSON of *size* bytes."""
    short = len(json.dumps(make("")))
    return json.dumps(make("x" * (size - short))).encode()


def _chunk(text: str, reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def _completion(text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": usage}


def _framed(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


EVENT = _framed(b"data: %b\n\n" % _padded(_chunk, EVENT_BYTES - 8))
LAST = _framed(b"data: %b\n\n" % json.dumps(_chunk("", "stop")).encode())
DONE = _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
BODY = _padded(_completion, ANSWER_BYTES)
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Connection(asyncio.Protocol):
    """A connection, whose requests are answered one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._received += data
        head, end, rest = self._received.partition(_END)
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if not end or len(rest) < length:
            return
        body, self._received = rest[:length], rest[length:]
        if b'"stream":true' in body.replace(b" ", b""):
            self._transport.write(STREAM)
            self._go_on(EVENTS)
        else:
            self._transport.write(WHOLE)

    def _go_on(self, left: int) -> None:
        if left:
            self._transport.write(EVENT)
            asyncio.get_running_loop().call_later(SECONDS, self._go_on, left - 1)
        else:
            self._transport.write(LAST + DONE)


async def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
