"""Connections that are opened and not used, bodies that never end, answers that nobody reads."""

import asyncio
import time
from collections.abc import AsyncIterator

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import chat, get, head, post

CHATS = "/v1/chat/completions"
MB = 1_000_000
_HALF = {"Content-Type": "application/json", "Content-Length": "1000"}
_BODY = head("POST", CHATS, _HALF) + b'{"model":'
_UPLOAD = head(
    "POST",
    "/v1/audio/transcriptions",
    {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "100000"},
)


@attack("shared", "fakes", 408, "closed", "reset", quick=True)
async def half_heads(attacker: Attacker) -> None:
    """Open 1,400 connections and send half a head on each; no key. All have to be closed."""
    await attacker.hold(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n", count=1400, seconds=9)


@attack("shared", "fakes", 408, "closed", "reset")
async def half_bodies(attacker: Attacker) -> None:
    """Open 1,400 connections and send a head and half a body on each; all have to be closed."""
    await attacker.hold(_BODY, count=1400, seconds=9)


@attack("shared", "fakes", 408, "closed", "reset")
async def half_forms(attacker: Attacker) -> None:
    """Open 400 connections and send half a form on each; all have to be closed."""
    await attacker.hold(_UPLOAD + b"--b\r\n", count=400, seconds=9)


@attack("shared", "fakes", 401, 408, "closed", "reset")
async def half_bodies_without_a_key(attacker: Attacker) -> None:
    """Open 400 connections and send half a body without a key on each; all have to be closed."""
    opening = head("POST", CHATS, _HALF, key=False) + b"{"
    await attacker.hold(opening, count=400, seconds=9)


@attack("shared", "fakes", 408, "closed", "reset", quick=True)
async def silent_connections(attacker: Attacker) -> None:
    """Open 6,000 connections and send nothing; all have to be closed."""
    await attacker.hold(b"", count=6000, seconds=9)


@attack("shared", "keyless", 200, "closed", "reset")
async def more_idle_connections_than_allowed(attacker: Attacker) -> None:
    """Open 700 connections where 500 are allowed, send nothing; a request beyond is answered."""
    await _beyond_the_limit(attacker, b"")


@attack("shared", "keyless", 408, 503, "closed", "reset", fills=True)
async def more_half_heads_than_allowed(attacker: Attacker) -> None:
    """Send 700 half heads where 500 connections are allowed; a request beyond is a 503."""
    await _beyond_the_limit(attacker, b"GET /health HTTP/1.1\r\n")


async def _beyond_the_limit(attacker: Attacker, opening: bytes) -> None:
    held = await attacker.open(opening, count=700)
    for _ in range(5):
        await attacker.send(get("/v1/models"))
    await attacker.wait_for(held, seconds=6)


@attack("shared", "fakes", 408, "closed", "reset")
async def single_bytes(attacker: Attacker) -> None:
    """Open 1,000 connections and send one byte on each."""
    await attacker.hold(b"G", count=1000, seconds=9)


async def _trickle(
    start: bytes, piece: bytes, *, pause: float, seconds: float
) -> AsyncIterator[bytes]:
    yield start
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(pause)
        yield piece


@attack("shared", "fakes", 408, "closed", "reset")
async def heads_that_trickle(attacker: Attacker) -> None:
    """Send 300 heads, a header line every half second, for ever."""
    start = b"GET /health HTTP/1.1\r\n"
    await asyncio.gather(
        *(
            attacker.send(_trickle(start, b"X-A: b\r\n", pause=0.5, seconds=9), seconds=10)
            for _ in range(300)
        )
    )


@attack("shared", "fakes", 408, "closed", "reset")
async def bodies_that_trickle(attacker: Attacker) -> None:
    """Send 300 bodies, a byte every half second, for ever."""
    start = head("POST", CHATS, {"Content-Type": "application/json", "Content-Length": "60000"})
    await asyncio.gather(
        *(
            attacker.send(_trickle(start, b" ", pause=0.5, seconds=9), seconds=10)
            for _ in range(300)
        )
    )


@attack("shared", "builtin", 431, "reset", "closed")
async def header_of_200_mb(attacker: Attacker) -> None:
    """Send a header of 200 MB, without a key, two at once."""

    async def request() -> AsyncIterator[bytes]:
        yield b"GET /health HTTP/1.1\r\nHost: a\r\nX-A: "
        for _ in range(200):
            yield b"b" * MB

    for _ in range(3):
        await asyncio.gather(*(attacker.send(request()) for _ in range(2)))


@attack("shared", "builtin", 400, 414, 431, "reset", "closed")
async def line_of_100_mb(attacker: Attacker) -> None:
    """Send a request line of 100 MB, and 100 MB without any line."""

    async def request(start: bytes) -> AsyncIterator[bytes]:
        yield start
        for _ in range(100):
            yield b"b" * MB

    for start in (b"GET /", b"\r\n" * MB, b"x"):
        await attacker.send(request(start))


async def _unread(attacker: Attacker, request: bytes, *, seconds: float) -> None:
    """Send *request*, read nothing for *seconds*, then note whether the server still holds it."""
    attacker.begin()
    reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(request)
    await asyncio.sleep(seconds)
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    outcome = "closed"
    try:
        async with asyncio.timeout(5):
            while chunk := await reader.read(1 << 16):
                if b"[DONE]" in chunk:
                    outcome = "whole"
    except TimeoutError:
        outcome = "open"
    except OSError:
        outcome = "reset"
    attacker.seen.outcomes[outcome] += 1
    writer.close()


@attack("shared", "fakes", "closed", "reset")
async def streams_never_read(attacker: Attacker) -> None:
    """Ask for 20 streams of 50 MB and read nothing of them: they have to be aborted."""
    body = {**chat(("w" * 4000 + " ") * 100), "model": "long", "stream": True, "n": 128}
    request = post(CHATS, body)
    await asyncio.gather(*(_unread(attacker, request, seconds=14) for _ in range(20)))


@attack("shared", "fakes", "closed", "reset")
async def answers_never_read(attacker: Attacker) -> None:
    """Ask for whole answers of 1 MB, 50 at once, and read nothing of them."""
    request = post("/tokenize", {"model": "long", "prompt": "word " * 40_000}, key=False)
    await asyncio.gather(*(_unread(attacker, request, seconds=8) for _ in range(50)))


@attack("shared", "fakes", 200, 400, 429)
async def streams_by_300(attacker: Attacker) -> None:
    """Ask for 300 small streams at the same moment."""
    body = {**chat("one two three"), "model": "echo", "stream": True}
    await attacker.each([post(CHATS, body)] * 300, seconds=60)


@attack("shared", "builtin", 408, 413, 503, "reset", "closed", "timeout")
async def bodies_held_back(attacker: Attacker) -> None:
    """Send 20 bodies of 60 MB, each but for its last byte, and wait."""

    async def request() -> AsyncIterator[bytes]:
        length = str(60 * MB + 1)
        yield head("POST", CHATS, {"Content-Type": "application/json", "Content-Length": length})
        for _ in range(60):
            yield b" " * MB
        await asyncio.sleep(10)

    await asyncio.gather(*(attacker.send(request(), seconds=12) for _ in range(20)))


@attack("work", "builtin", 200, 400, 408, 413)
async def chunks_of_one_byte(attacker: Attacker) -> None:
    """Send chats of 300,000 bytes, each byte a chunk of its own."""
    start = head(
        "POST", CHATS, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    )
    request = start + b"1\r\n \r\n" * 300_000 + b"0\r\n\r\n"
    await attacker.flood(request, at_once=4)


@attack("held", "fakes", 200, 400, "closed", "reset", "cut")
async def half_closed(attacker: Attacker) -> None:
    """Close the writing half of the connection behind a request, or in the middle of one."""
    attacker.begin()
    whole = post(CHATS, {**chat(), "model": "echo"})
    for request in (whole, _BODY, b"GET /hea", get("/health")):
        reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
        writer.write(request)
        writer.write_eof()
        try:
            async with asyncio.timeout(10):
                first = await reader.readline()
        except TimeoutError:
            attacker.seen.fault("a half-closed connection stays open for 10 s")
            continue
        attacker.seen.outcomes[first.split()[1].decode() if first else "closed"] += 1
        writer.close()
