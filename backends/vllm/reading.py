"""Reading what vLLM's engine sends, with less ado than pyzmq.

For each message pyzmq's asynchronous socket makes five futures or callbacks and computes with
enumerations, which is slow in Python: an eighth of the CPU that a lone stream takes.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import zmq
import zmq.asyncio

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM


def read_plainly(engine: "AsyncLLM") -> None:
    """Have *engine*'s client, which has read nothing yet, take its messages by Plain."""
    client: Any = engine.engine_core
    socket = client.resources.output_socket
    socket.recv_multipart = Plain(socket).recv_multipart


class Plain:
    """Stands in for the reading half of an asynchronous socket that nobody has read from."""

    def __init__(self, socket: zmq.asyncio.Socket) -> None:
        """Read from *socket*, which stays its owner's to close."""
        self._socket: zmq.Socket[bytes] = zmq.Socket.shadow(socket.underlying)
        self._descriptor = int(socket.getsockopt(zmq.FD))

    async def recv_multipart(self, *, copy: bool = True) -> list[bytes] | list[zmq.Frame]:
        """Return the frames of the next message; one task at a time may wait for it."""
        while True:
            try:
                return self._socket.recv_multipart(zmq.NOBLOCK, copy=copy)
            except zmq.Again:
                # The descriptor tells of what comes after this: ZeroMQ is edge-triggered.
                await self._told()

    async def _told(self) -> None:
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        loop.add_reader(self._descriptor, told.set)
        try:
            await told.wait()
        finally:
            loop.remove_reader(self._descriptor)
