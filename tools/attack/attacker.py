"""What an attack sends with: floods, held connections, and the checks that every answer gets."""

import asyncio
import json
import time
from collections.abc import AsyncIterable, Sequence

from tools.attack.attack import Seen
from tools.attack.wire import Answer, exchange

ERROR_BYTES = 4096
"""An error that is longer repeats the request."""

SECONDS = 6.0
"""How long a flood lasts: some 120 probes of `/health`."""


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Attacker:
    """A client that means harm, within bounds of count and time."""

    def __init__(self, port: int, seen: Seen, *, seconds: float = SECONDS) -> None:
        self.port = port
        self.seen = seen
        self.seconds = seconds

    async def send(
        self, request: bytes | AsyncIterable[bytes], *, seconds: float = 30, check: bool = True
    ) -> Answer:
        """Send one request, note what comes of it; *check*: an error has to be OpenAI's."""
        self.begin()
        answer = await exchange(self.port, request, seconds=seconds)
        self.note(answer)
        if isinstance(request, bytes):
            self.seen.examples.setdefault(answer.outcome, _shown(request))
        if check and answer.status >= 400:
            self._check_error(request, answer)
        return answer

    async def flood(
        self, *requests: bytes, at_once: int = 2, most: int = 400, seconds: float = 30
    ) -> None:
        """Send *requests* in turns, *at_once* at a time, until the time or *most* is reached."""
        self.begin()
        end = time.monotonic() + self.seconds
        turns = iter(range(most))

        async def one() -> None:
            while time.monotonic() < end and (turn := next(turns, None)) is not None:
                await self.send(requests[turn % len(requests)], seconds=seconds)
                await asyncio.sleep(0.01)

        await asyncio.gather(*(one() for _ in range(at_once)))

    async def hold(self, opening: bytes, *, count: int, seconds: float) -> None:
        """Open *count* connections, send *opening* on each, then wait for the server to act."""
        await self.wait_for(await self.open(opening, count=count), seconds=seconds)

    async def open(self, opening: bytes, *, count: int) -> list[Connection]:
        """Open *count* connections and send *opening* on each."""
        self.begin()
        return [await _opened(self.port, opening) for _ in range(count)]

    async def wait_for(self, held: list[Connection], *, seconds: float) -> None:
        """Note for each connection the status that came, `closed`, or `open` after *seconds*."""
        end = time.monotonic() + seconds
        for answer in await asyncio.gather(*(_ended(reader, end) for reader, _ in held)):
            self.note(answer)
        for _, writer in held:
            writer.close()

    async def each(self, requests: Sequence[bytes], *, seconds: float = 30) -> list[Answer]:
        """Send all *requests* at the same moment."""
        return await asyncio.gather(*(self.send(request, seconds=seconds) for request in requests))

    def begin(self) -> None:
        """Note when the attack began."""
        self.seen.began = self.seen.began or time.monotonic()

    def note(self, answer: Answer) -> None:
        """Count *answer*."""
        self.seen.outcomes[answer.outcome] += 1
        self.seen.slowest = max(self.seen.slowest, answer.seconds)

    def _check_error(self, request: bytes | AsyncIterable[bytes], answer: Answer) -> None:
        if answer.size > ERROR_BYTES:
            self.seen.fault(f"an error of {answer.size:,} bytes for {_shown(request)}")
        elif not _is_openai_error(answer.body):
            self.seen.fault(f"a {answer.status} in no shape of OpenAI's: {answer.body[:60]!r}")
        if answer.status == 503 and "retry-after" not in answer.headers:
            self.seen.fault("a 503 without Retry-After")


async def _opened(port: int, opening: bytes) -> Connection:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(opening)
        await writer.drain()
    return reader, writer


async def _ended(reader: asyncio.StreamReader, end: float) -> Answer:
    answer = Answer(outcome="open")
    began = time.monotonic()
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + end - began):
            start = await reader.read(4096)
            answer.outcome = start.split()[1].decode() if start else "closed"
            while await reader.read(4096):
                pass
    except TimeoutError:
        answer.outcome = "open"
    except OSError:
        answer.outcome = "reset"
    answer.seconds = time.monotonic() - began
    return answer


def _shown(request: bytes | AsyncIterable[bytes]) -> str:
    """Return what tells *request* from others: its line, and where its body begins and ends."""
    if not isinstance(request, bytes):
        return "a request in pieces"
    start, _, body = request.partition(b"\r\n\r\n")
    line = start.split(b"\r\n")[0][:80]
    return f"{line!r} {body[:60]!r} … {body[-40:]!r}"


def _is_openai_error(body: bytes) -> bool:
    try:
        error = json.loads(body)["error"]
        return isinstance(error["message"], str) and {"type", "param", "code"} <= error.keys()
    except (ValueError, TypeError, KeyError):
        return False
