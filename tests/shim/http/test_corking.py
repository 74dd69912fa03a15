"""Order and time of what a corked transport sends; a fake transport records it."""

import asyncio
from typing import Any, cast

import pytest

from shim.http.corking import CorkedTransport

WRITERS = {"write", "writelines", "write_eof", "close", "abort", "get_write_buffer_size"}
"""Methods of asyncio's transports that write, end the stream or count unsent bytes."""

PASSED_ON = {"can_write_eof", "get_write_buffer_limits", "set_write_buffer_limits"}
"""Methods about writing that held bytes do not concern."""


class FakeTransport:
    """A transport that records the calls that write or end."""

    def __init__(self) -> None:
        self.sent: list[bytes | str] = []
        self.ended = False

    def write(self, data: bytes) -> None:
        """Record *data*."""
        self.sent.append(data)

    def close(self) -> None:
        """Record the close."""
        self.sent.append("closed")
        self.ended = True

    def abort(self) -> None:
        """Record the abort."""
        self.sent.append("aborted")
        self.ended = True

    def write_eof(self) -> None:
        """Record the end of the stream."""
        self.sent.append("eof")

    def is_closing(self) -> bool:
        """Return whether the connection was closed or aborted."""
        return self.ended

    def get_write_buffer_size(self) -> int:
        """Return a number of unsent bytes."""
        return 7

    def get_extra_info(self, name: str) -> str:
        """Return *name*."""
        return name


def corked() -> tuple[Any, FakeTransport]:
    """Return a corked transport and the fake transport below it."""
    below = FakeTransport()
    loop = asyncio.get_running_loop()
    return CorkedTransport(cast("asyncio.Transport", below), loop), below


def test_every_method_that_writes_is_defined() -> None:
    """No method of asyncio's transports that writes or ends goes past the held bytes."""
    methods = {
        name
        for name in dir(asyncio.Transport)
        if not name.startswith("_") and ("write" in name or name in WRITERS)
    }

    assert methods == WRITERS | PASSED_ON
    assert vars(CorkedTransport).keys() >= WRITERS


async def test_one_turn_is_one_write() -> None:
    """Writes of one turn are sent together in the next, in their order; then it begins anew."""
    transport, below = corked()

    transport.write(b"head")
    transport.write(b"body")
    assert below.sent == []
    await asyncio.sleep(0)
    transport.write(b"more")
    await asyncio.sleep(0)

    assert below.sent == [b"headbody", b"more"]


async def test_lines_keep_their_order() -> None:
    """`writelines` sends its items after earlier writes and before later ones."""
    transport, below = corked()

    transport.write(b"1")
    transport.writelines([b"2", b"3"])
    transport.write(b"4")
    await asyncio.sleep(0)

    assert below.sent == [b"1234"]


async def test_the_end_of_the_stream_comes_last() -> None:
    """`write_eof` sends the held bytes first, and only once."""
    transport, below = corked()

    transport.write(b"last")
    transport.write_eof()
    await asyncio.sleep(0)

    assert below.sent == [b"last", "eof"]


async def test_many_bytes_are_not_held() -> None:
    """Above a bound the bytes are sent at once, so that asyncio can pause the writer in time."""
    transport, below = corked()

    for _ in range(3):
        transport.write(b"x" * 40_000)

    assert below.sent == [b"x" * 80_000]
    await asyncio.sleep(0)
    assert below.sent == [b"x" * 80_000, b"x" * 40_000]


async def test_closing_loses_nothing() -> None:
    """`close` sends the held bytes first, and only once."""
    transport, below = corked()

    transport.write(b"last")
    transport.close()
    await asyncio.sleep(0)

    assert below.sent == [b"last", "closed"]


async def test_lingering() -> None:
    """A connection that lingers ends its stream at once, and closes later."""
    transport, below = corked()

    transport.write(b"last")
    transport.linger(0.01)
    transport.close()

    assert below.sent == [b"last", "eof"]
    while not below.ended:  # noqa: ASYNC110  a timer of the loop
        await asyncio.sleep(0)
    assert below.sent == [b"last", "eof", "aborted"]


async def test_an_abort_sends_nothing() -> None:
    """Held bytes are lost if the connection is aborted, as those in the transport below are."""
    transport, below = corked()

    transport.write(b"lost")
    transport.abort()
    await asyncio.sleep(0)

    assert below.sent == ["aborted"]
    assert transport.get_write_buffer_size() == 7


@pytest.mark.parametrize("late", [lambda t: t.write(b"late"), lambda t: t.writelines([b"late"])])
async def test_nothing_is_written_to_a_connection_that_has_ended(late: Any) -> None:
    """Held bytes and later writes are dropped; the transport below would raise for them."""
    transport, below = corked()

    transport.write(b"held")
    below.ended = True
    late(transport)
    await asyncio.sleep(0)

    assert below.sent == []


async def test_held_bytes_are_unsent() -> None:
    """The buffer size counts held bytes and those in the transport below."""
    transport, _ = corked()

    transport.write(b"abc")

    assert transport.get_write_buffer_size() == 10


async def test_all_other_methods_are_those_of_the_transport_below() -> None:
    """A method that writes nothing is passed on."""
    transport, _ = corked()

    assert transport.get_extra_info("peername") == "peername"
