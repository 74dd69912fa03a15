"""HTTP itself: what does not parse, what parses in two ways, and what is asked for but not done."""

import asyncio
import gzip

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import KEY, Answer, chat, get, head, post, read

CHATS = "/v1/chat/completions"
_ECHO = {**chat(), "model": "echo"}
_START = f"POST {CHATS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n".encode()
_SMUGGLED = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@attack("held", "fakes", 200, quick=True)
async def upgrade_to_h2c(attacker: Attacker) -> None:
    """POST a chat with `Upgrade: h2c`, as Java's client and `curl --http2` do: it is answered."""
    upgrade = {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAMAAABk",
    }
    await attacker.send(post(CHATS, _ECHO, **upgrade), seconds=10)
    await attacker.send(post(CHATS, _ECHO, **{**upgrade, "Upgrade": "websocket"}), seconds=10)


@attack("held", "fakes", 400, 408, 431, 501, 505, "closed", quick=True)
async def unparsable(attacker: Attacker) -> None:
    """Send what is no HTTP/1.1: HTTP/2, TLS, NULs, bad lines; a 400 as JSON, or closed."""
    await attacker.flood(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"\x00" * 1000 + b"\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"G\xc3\x84T /health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        _START + b"Content-Length: -1\r\n\r\n",
        _START + b"Content-Length: 1e3\r\n\r\n",
        _START + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
        _START + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 30 + b"\r\n",
        _START + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        at_once=4,
        most=30,
        seconds=10,
    )


@attack("held", "fakes", 400, 411, 501, "closed", "reset")
async def smuggling(attacker: Attacker) -> None:
    """Send bodies whose length is stated in two ways: refused, nothing behind is read."""
    length = b"Content-Length: %d\r\n" % len(_SMUGGLED)
    for lines in (
        length + b"Transfer-Encoding: chunked\r\n",
        length + b"Content-Length: 3\r\n",
        length + b"Transfer-Encoding: xchunked\r\n",
        length + b"Transfer-Encoding: chunked, identity\r\n",
        length + b"Transfer-Encoding : chunked\r\n",
        length + b"Transfer-Encoding:\x0bchunked\r\n",
        length + b"Foo: bar\r\n Transfer-Encoding: chunked\r\n",
        b"Content-Length: +3\r\n",
    ):
        answer = await attacker.send(_START + lines + b"\r\n" + _SMUGGLED, seconds=10)
        if b"shim_" in answer.body:
            attacker.seen.fault(f"a request behind {lines[-40:]!r} was answered")


@attack("held", "fakes", 400, 408, 413, "closed", "reset")
async def lengths_that_lie(attacker: Attacker) -> None:
    """POST with a length longer than the body, one of 10^18, and one shorter than the body."""
    for length in (100_000, 10**15, 5):
        request = _START + b"Content-Length: %d\r\n\r\n{" % length + b" " * 1000
        await attacker.send(request, seconds=10, check=length != 5)


@attack("shared", "fakes", 200, 400, 413, 431, "closed", "reset")
async def chunks_with_extensions(attacker: Attacker) -> None:
    """Send chunks with extensions of 8 MB, and trailers of 8 MB."""
    start = head(
        "POST", CHATS, {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    )
    long = b"e" * 8_000_000
    await attacker.flood(
        start + b"1;" + long + b"\r\n \r\n0\r\n\r\n",
        start + (b"1;a=b\r\n \r\n" * 200_000) + b"0\r\n\r\n",
        start + b"1\r\n \r\n0\r\nX-A: " + long + b"\r\n\r\n",
        start + b"1\r\n \r\n0\r\n" + b"X-A: b\r\n" * 500_000 + b"\r\n",
    )


@attack("held", "fakes", 200, 400, 413, 415)
async def gzipped_bodies(attacker: Attacker) -> None:
    """POST packed bodies: 500 MB of zeros, nothing 9,000 times over, an unknown coding."""
    bomb = gzip.compress(bytes(500_000_000), 1)
    await attacker.flood(
        post(CHATS, bomb, Content_Encoding="gzip"),
        post(CHATS, gzip.compress(b"") * 9_000, Content_Encoding="gzip"),
        post(CHATS, _ECHO, Content_Encoding="br"),
        post(CHATS, _ECHO, Accept_Encoding="gzip, br, zstd"),
    )


@attack("held", "fakes", 200, 405, 417)
async def rare_headers(attacker: Attacker) -> None:
    """Send `Expect`, `Range` of 1,000 parts, `If-Match`, `X-HTTP-Method-Override`, `Forwarded`."""
    ranges = "bytes=" + ",".join(f"{at}-{at}" for at in range(1000))
    await attacker.flood(
        post(CHATS, _ECHO, Expect="100-continue"),
        post(CHATS, _ECHO, Expect="200-ok"),
        get("/health", Range=ranges),
        get("/health", If_Match="*", If_None_Match="*", If_Modified_Since="x"),
        get("/health", X_HTTP_Method_Override="DELETE", X_Forwarded_For="::1", X_Real_IP="a"),
        get("/health", Accept="text/html;q=9,*/*;q=x", Accept_Language="," * 1000),
    )


@attack("held", "fakes", 200, quick=True)
async def head_requests(attacker: Attacker) -> None:
    """HEAD `/health`, `/ready` and `/v1/models`: as GET, without a body."""
    for path in ("/health", "/ready", "/v1/models"):
        answer = await attacker.send(head("HEAD", path, {}))
        if answer.size:
            attacker.seen.fault(f"HEAD {path} has a body")


@attack("held", "fakes", 204, 400, 404, 405, 501)
async def other_methods(attacker: Attacker) -> None:
    """Send TRACE, CONNECT, PUT, DELETE, PROPFIND, `OPTIONS *` and absolute URLs."""
    await attacker.flood(
        *(head(name, "/v1/models", {}) for name in ("TRACE", "PUT", "DELETE", "PROPFIND")),
        head("CONNECT", "127.0.0.1:22", {}),
        head("OPTIONS", "*", {}),
        head("DELETE", "http://127.0.0.1:22/health", {}),
        head("POST", "/health", {"Content-Length": "0"}),
    )


@attack("shared", "fakes", "answered", "closed", "reset", quick=True)
async def pipelined_by_thousands(attacker: Attacker) -> None:
    """Pipeline 1,000 requests on each of ten connections; read late: in order, or closed."""
    attacker.begin()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(get("/health", Connection="keep-alive") * 1000)
        await asyncio.sleep(2)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        outcome = "closed"
        try:
            async with asyncio.timeout(20):
                for _ in range(1000):
                    answer = Answer()
                    await read(reader, answer)
                    if answer.outcome != "200":
                        break
                else:
                    outcome = "answered"
        except TimeoutError:
            outcome = "timeout"
        except OSError:
            outcome = "reset"
        attacker.seen.outcomes[outcome] += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(10)))


@attack("held", "fakes", 200, 400, 404, quick=True)
async def log_lines_forged(attacker: Attacker) -> None:
    """Send paths, models and headers with line breaks and escapes: no line of the log is theirs."""
    for forged in ("%0d%0aFORGED", "%0aFORGED", "%1b[2JFORGED", "%c2%85FORGED", "%e2%80%a8FORGED"):
        await attacker.send(get(f"/x{forged}"))
        await attacker.send(get(f"/v1/models/x{forged}"))
    await attacker.send(post(CHATS, {**_ECHO, "model": "x\r\nFORGED\x1b[2J"}))
    await attacker.send(post(CHATS, _ECHO, x_request_id="a\tFORGED"))
