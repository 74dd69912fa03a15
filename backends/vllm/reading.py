"""Reading what vLLM's engine sends, with less ado than pyzmq.

For each message pyzmq's asynchronous socket makes five futures or callbacks and computes with
enumerations, which is slow in Python, and slower yet where the engine's own processes have just
emptied the caches: two fifths of what a message costs its reader.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import zmq
import zmq.asyncio

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

_POLLIN = int(zmq.POLLIN)
"""As a number, for the reason above."""


def read_plainly(engine: "AsyncLLM") -> None:
    """Have *engine*'s client, which has read nothing yet, take its messages by Plain."""
    client: Any = engine.engine_core
    socket = client.resources.output_socket
    plain = Plain(socket)
    socket.recv_multipart = plain.recv_multipart
    socket.close = plain.close


class Plain:
    """Stands in for the reading half of an asynchronous socket that nobody has read from."""

    def __init__(self, socket: zmq.asyncio.Socket) -> None:
        """Read from *socket*, on the loop of whoever reads first."""
        self._close = socket.close
        self._socket: Any = zmq.Socket.shadow(socket.underlying)
        self._descriptor = int(socket.getsockopt(zmq.FD))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def recv_multipart(self, *, copy: bool = True) -> list[bytes] | list[zmq.Frame]:
        """Return the frames of the next message; one task at a time may wait for it."""
        while not self._socket.get(zmq.EVENTS) & _POLLIN:
            # The descriptor tells of what comes after the question: ZeroMQ is edge-triggered.
            await self._told()
        frames: list[bytes] | list[zmq.Frame] = self._socket.recv_multipart(zmq.NOBLOCK, copy=copy)
        return frames

    def _told(self) -> "asyncio.Future[None]":
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._descriptor, self._tell)
        self._waiter = self._loop.create_future()
        return self._waiter

    def _tell(self) -> None:
        if self._waiter is None or self._waiter.done():
            # Nobody asks any more: the loop would be told of it again and again.
            self._forget()
        else:
            self._waiter.set_result(None)

    def _forget(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)
        self._loop = None

    def close(self, linger: int | None = None) -> None:
        """Close the socket; its descriptor may be another's from then on."""
        self._forget()
        self._close(linger=linger)
