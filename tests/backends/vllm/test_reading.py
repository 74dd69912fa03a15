"""Reading from ZeroMQ's sockets as vLLM's client does."""

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
import uvloop

pytestmark = pytest.mark.usefixtures("requires_vllm")


class Watching:
    """Tells when a loop stops to watch a descriptor."""

    def __init__(self) -> None:
        super().__init__()
        self.unwatched = asyncio.Event()

    def remove_reader(self, descriptor: int) -> bool:
        """Tell it, and do it."""
        self.unwatched.set()
        removed: bool = super().remove_reader(descriptor)  # type: ignore[misc]
        return removed


class PythonLoop(Watching, asyncio.SelectorEventLoop):
    """Python's."""


class UvLoop(Watching, uvloop.Loop):
    """The server's."""


LOOPS = pytest.mark.parametrize("kind", [PythonLoop, UvLoop])


@pytest.fixture
def ends() -> Iterator[tuple[Any, Any]]:
    """Open a socket to write to, and one to read from as vLLM does."""
    zmq = import_module("zmq")
    with zmq.Context() as context:
        context.sndhwm = context.rcvhwm = 0  # unbounded: the test writes before it reads
        writer = context.socket(zmq.PUSH)
        port = writer.bind_to_random_port("tcp://127.0.0.1")
        reader = import_module("zmq.asyncio").Context(context).socket(zmq.PULL)
        reader.connect(f"tcp://127.0.0.1:{port}")
        yield writer, reader
        writer.close(linger=0)
        reader.close(linger=0)


def plain(reader: Any) -> Callable[..., Any]:
    """Return what reads."""
    read: Callable[..., Any] = import_module("backends.vllm.reading").Plain(reader).recv_multipart
    return read


@LOOPS
def test_each_message_comes_once_and_in_order(ends: tuple[Any, Any], kind: Any) -> None:
    """In bursts and one by one, whether they wait for the reader or it for them."""
    writer, reader = ends
    bursts = [1, 1, 5000, 1, 2, 300, 1]

    async def main() -> None:
        read = plain(reader)
        number = 0
        for burst in bursts:
            waiting = asyncio.create_task(read(copy=False))
            await asyncio.sleep(0)
            for place in range(number, number + burst):
                writer.send_multipart([b"%d" % place, b"x" * (place % 7)])
            for place in range(number, number + burst):
                frames = await waiting if place == number else await read(copy=False)
                assert [bytes(frame) for frame in frames] == [b"%d" % place, b"x" * (place % 7)]
            number += burst

    with asyncio.Runner(loop_factory=kind) as runner:
        runner.run(asyncio.wait_for(main(), 60))


@LOOPS
def test_a_reader_that_gives_up_takes_nothing_along(ends: tuple[Any, Any], kind: Any) -> None:
    """What comes after it was cancelled is there for the next, and does not keep the loop busy."""
    writer, reader = ends

    async def main() -> list[bytes]:
        loop: Any = asyncio.get_running_loop()
        read = plain(reader)
        given_up = asyncio.create_task(read())
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        writer.send_multipart([b"later"])
        await loop.unwatched.wait()
        frames: list[bytes] = await read()
        return frames

    with asyncio.Runner(loop_factory=kind) as runner:
        assert runner.run(asyncio.wait_for(main(), 60)) == [b"later"]


@LOOPS
def test_a_closed_socket_is_not_watched(ends: tuple[Any, Any], kind: Any) -> None:
    """Its descriptor can become another's, whose reader it would take."""
    _, reader = ends

    async def main() -> None:
        stand_in = import_module("backends.vllm.reading").Plain(reader)
        waiting = asyncio.create_task(stand_in.recv_multipart())
        await asyncio.sleep(0)
        number = reader.fd
        stand_in.close(linger=0)
        assert reader.closed
        assert not asyncio.get_running_loop().remove_reader(number)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with asyncio.Runner(loop_factory=kind) as runner:
        runner.run(asyncio.wait_for(main(), 60))
