"""What leaves a connection, and when: the transport below is a list of what it was given."""

import asyncio
from typing import Any, cast

from shim.http.corking import CorkedTransport


class Recorder:
    """A transport that keeps what it is asked."""

    def __init__(self) -> None:
        self.sent: list[bytes | str] = []
        self.ended = False

    def write(self, data: bytes) -> None:
        """Keep *data*."""
        self.sent.append(data)

    def close(self) -> None:
        """Keep that it was closed."""
        self.sent.append("closed")
        self.ended = True

    def abort(self) -> None:
        """Keep that it was closed at once."""
        self.sent.append("aborted")
        self.ended = True

    def write_eof(self) -> None:
        """Keep that nothing more will be written."""
        self.sent.append("eof")

    def is_closing(self) -> bool:
        """Tell whether it has ended."""
        return self.ended

    def get_write_buffer_size(self) -> int:
        """Tell that some bytes have not been sent yet."""
        return 7

    def get_extra_info(self, name: str) -> str:
        """Tell what was asked for."""
        return name


def corked() -> tuple[Any, Recorder]:
    """Return a corked transport and what it writes to."""
    below = Recorder()
    loop = asyncio.get_running_loop()
    return CorkedTransport(cast("asyncio.Transport", below), loop), below


async def test_one_turn_is_one_piece() -> None:
    """What is written in one turn leaves in the next, in order; then it begins anew."""
    transport, below = corked()

    transport.write(b"head")
    transport.write(b"body")
    assert below.sent == []
    await asyncio.sleep(0)
    transport.write(b"more")
    await asyncio.sleep(0)

    assert below.sent == [b"headbody", b"more"]


async def test_much_is_not_held() -> None:
    """Beyond a bound it leaves at once, so that who writes is told to wait in time."""
    transport, below = corked()

    for _ in range(3):
        transport.write(b"x" * 40_000)

    assert below.sent == [b"x" * 80_000]
    await asyncio.sleep(0)
    assert below.sent == [b"x" * 80_000, b"x" * 40_000]


async def test_closing_loses_nothing() -> None:
    """What was written before is sent first, and only once."""
    transport, below = corked()

    transport.write(b"last")
    transport.close()
    await asyncio.sleep(0)

    assert below.sent == [b"last", "closed"]


async def test_lingering() -> None:
    """A connection that lingers ends what it writes at once, and closes later."""
    transport, below = corked()

    transport.write(b"last")
    transport.linger(0.01)
    transport.close()

    assert below.sent == [b"last", "eof"]
    while not below.ended:  # noqa: ASYNC110  a timer of the loop
        await asyncio.sleep(0)
    assert below.sent == [b"last", "eof", "aborted"]


async def test_an_abort_sends_nothing() -> None:
    """What is held when a connection is ended at once is lost, as what the transport holds is."""
    transport, below = corked()

    transport.write(b"lost")
    transport.abort()
    await asyncio.sleep(0)

    assert below.sent == ["aborted"]


async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    """Neither what comes later nor what was held: a transport would raise an exception for it."""
    transport, below = corked()

    transport.write(b"held")
    below.ended = True
    transport.write(b"late")
    await asyncio.sleep(0)

    assert below.sent == []


async def test_what_is_held_is_not_sent() -> None:
    """Bytes that wait for the loop's next turn count as unsent, beside those of the transport."""
    transport, _ = corked()

    transport.write(b"abc")

    assert transport.get_write_buffer_size() == 10


async def test_it_is_the_transport_in_all_else() -> None:
    """What uvicorn asks of it, the transport answers."""
    transport, _ = corked()

    assert transport.get_extra_info("peername") == "peername"
