"""Limits of a connection: heads, bodies, reading, how many; other protocols; pipelining."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.client.raw import BODY, Connect, connecting, head, request
from tests.live import KEY, LiveServer, serving

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
[server.limits]
connections = 4
head_seconds = 0.5
head_bytes = 2048
body_seconds = 0.5
body_bytes_per_second = 1000
write_seconds = 0.5
idle_seconds = 0.7
[[models]]
id = "echo"
backend = "fake"
source = "chat"
options = {{ max_model_len = 2000000 }}
[[models]]
id = "slow"
backend = "fake"
source = "chat"
max_running = 1
max_waiting = 0
options = {{ seconds_per_item = 0.05, max_model_len = 2000000 }}
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve an echo with limits that are soon reached."""
    file = tmp_path_factory.mktemp("strict") / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file)) as live:
        yield live


@pytest.fixture
async def connect(strict: LiveServer) -> AsyncIterator[Connect]:
    """Open connections to it."""
    async with connecting(strict) as connect:
        yield connect


async def test_a_silent_connection_ends(connect: Connect) -> None:
    """Who connects and sends nothing is left without an answer."""
    raw = await connect()

    assert await raw.ended() == b""


@pytest.mark.parametrize("sent", [b"POST /v1/ch", head("x: y")[:-2]], ids=["line", "headers"])
async def test_half_a_head_times_out(connect: Connect, sent: bytes) -> None:
    """A head that does not end is a 408, and the connection ends."""
    raw = await connect()

    raw.send(sent)

    answer = await raw.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"].startswith("req_")
    raw.writer.write_eof()
    assert await raw.ended() == b""


@pytest.mark.parametrize(
    "sent",
    [head("a: " + "x" * 3000), head("a: " + "x" * 3000)[:-2], b"GET /" + b"x" * 3000],
    ids=["whole", "half", "line"],
)
async def test_a_large_head(connect: Connect, sent: bytes) -> None:
    """A head beyond the limit is a 431, whether it has come to its end or not."""
    raw = await connect()

    raw.send(sent)

    answer = await raw.answer()
    assert (answer.status, answer.code) == (431, "headers_too_large")
    assert answer.headers["connection"] == "close"


async def test_a_slow_body_times_out(connect: Connect) -> None:
    """A body that stops, or comes too slowly, is a 408."""
    raw = await connect()

    raw.send(request()[:-5])

    answer = await raw.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert await raw.ended() == b""


async def test_a_slow_body_behind_a_refusal(connect: Connect) -> None:
    """A request that is refused before its body has come gets that refusal, however slow it is."""
    raw = await connect()

    raw.send(request()[:-5].replace(KEY.encode(), b"other"))

    answer = await raw.answer()
    assert (answer.status, answer.code) == (401, "invalid_api_key")
    assert answer.headers["connection"] == "close"


async def test_a_body_at_the_least_rate(connect: Connect) -> None:
    """A body that takes longer than one span, and has the least rate in each, is read."""
    raw = await connect()
    body = BODY[:-1] + b" " * 4000 + b"}"
    raw.send(head(f"content-length: {len(body)}"))

    for start in range(0, len(body), 400):  # in about 1.1 s
        raw.send(body[start : start + 400])
        await asyncio.sleep(0.1)

    assert (await raw.answer()).status == 200


async def test_an_idle_connection_ends(connect: Connect) -> None:
    """Between two requests a connection stays open for a while."""
    raw = await connect()
    for _ in range(2):
        raw.send(request())
        assert (await raw.answer()).status == 200

    assert await raw.ended() == b""


async def test_an_answer_that_is_not_read(connect: Connect) -> None:
    """A client that does not read its stream is disconnected, and its slot comes free."""
    raw = await connect()
    words = ("x" * 10_000 + " ") * 2000
    said = f'[{{"role":"user","content":"{words}"}}]'
    content = f'{{"model":"slow","stream":true,"messages":{said}}}'
    raw.writer.transport.pause_reading()
    raw.send(request(content.encode()))
    await raw.writer.drain()

    async def served() -> bool:
        other = await connect()
        other.send(request(BODY.replace(b"echo", b"slow")))
        try:
            return (await other.answer()).status == 200
        except asyncio.IncompleteReadError:  # its head came too late: the machine is busy
            return False
        finally:
            await other.close()

    # Refused as long as the stream has the only slot.
    while not await served():  # noqa: ASYNC110  another process
        await asyncio.sleep(0.1)


async def test_room_for_one_more(connect: Connect) -> None:
    """Beyond the limit the longest idle connection makes room for a new one."""
    idle = [await connect() for _ in range(4)]

    newest = await connect()
    newest.send(request())

    assert (await newest.answer()).status == 200
    assert await idle[0].ended() == b""


async def test_no_room(connect: Connect) -> None:
    """Where none is idle a new connection gets a 503 that says when to come again."""
    busy = [await connect() for _ in range(4)]
    for raw in busy:
        raw.send(head("content-length: 5", "expect: 100-continue"))
        assert (await raw.answer(head_only=True)).status == 100

    newest = await connect()
    newest.send(request())

    answer = await newest.answer()
    assert (answer.status, answer.code) == (503, "server_is_overloaded")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_another_protocol_is_offered(connect: Connect, chunked: bool) -> None:  # noqa: FBT001
    """The offer is ignored and the body read; the connection goes on."""
    raw = await connect()
    offer = (
        "connection: Upgrade, HTTP2-Settings",
        "upgrade: h2c",
        "http2-settings: AAQCAAAAAAIAAAAA",
    )
    size = "transfer-encoding: chunked" if chunked else f"content-length: {len(BODY)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) if chunked else BODY

    for split in (0, 10, len(body)):
        raw.send(head(*offer, size))
        raw.send(body[:split])
        await raw.writer.drain()
        raw.send(body[split:])
        answer = await raw.answer()
        assert answer.status == 200
        assert b"one two" in answer.body
    raw.send(request())
    assert (await raw.answer()).status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=["tls", "connect", "version"],
)
async def test_what_is_not_a_request(connect: Connect, sent: bytes) -> None:
    """Bytes that are not a request are a 400 in OpenAI's shape."""
    raw = await connect()

    raw.send(sent)

    answer = await raw.answer()
    assert (answer.status, answer.code) == (400, "invalid_http")


async def test_leaving_is_seen_behind_a_second_request(connect: Connect) -> None:
    """A request that waits behind another does not hide that their client leaves."""
    raw = await connect()
    content = b'{"model":"slow","messages":[{"role":"user","content":"%b"}]}' % (b"w " * 1000)
    raw.send(request(content) + request())
    other = await connect()

    async def status() -> int:
        other.send(request(BODY.replace(b"echo", b"slow")))
        return (await other.answer()).status

    while await status() == 200:  # noqa: ASYNC110  another process
        await asyncio.sleep(0.05)  # until the long one has the slot
    await raw.close()

    while await status() == 429:  # noqa: ASYNC110  another process
        await asyncio.sleep(0.05)


async def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    """Requests that come at once are answered one after the other."""
    raw = await connect()

    raw.send(b"".join(request(BODY.replace(b"one", b"n%d" % at)) for at in range(9)))

    answers = [await raw.answer() for _ in range(9)]
    assert all(b"n%d two" % at in answer.body for at, answer in enumerate(answers))


async def test_head_is_get_without_a_body(connect: Connect) -> None:
    """HEAD has the status and headers of GET."""
    raw = await connect()

    raw.send(head(method="HEAD", path="/health"))
    answer = await raw.answer(head_only=True)
    raw.send(head(method="GET", path="/health"))

    assert (answer.status, answer.headers["content-length"]) == (200, "15")
    assert (await raw.answer()).body == b'{"status":"ok"}'


@pytest.mark.parametrize("split", [False, True], ids=["one", "many"])
async def test_trailers(connect: Connect, split: bool) -> None:  # noqa: FBT001
    """What follows a body is bounded as a head is, whether it is one header or many."""
    raw = await connect()
    raw.send(head("transfer-encoding: chunked"))
    raw.send(b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY))
    raw.send(b"a: " + b"x" * 1000 + b"\r\n")
    await raw.writer.drain()

    for _ in range(600):  # more than one read of the server
        raw.send(b"b: " + b"x" * 1000 + b"\r\n" if split else b"x" * 1000)

    answer = await raw.answer()
    assert (answer.status, answer.code) == (431, "headers_too_large")


async def test_many_headers(connect: Connect) -> None:
    """The number of headers is bounded, too."""
    raw = await connect()

    raw.send(head(*["a: b"] * 300))

    answer = await raw.answer()
    assert (answer.status, answer.code) == (431, "headers_too_large")


async def test_many_small_chunks(connect: Connect) -> None:
    """A body of thousands of tiny chunks is refused: each costs more than it brings."""
    raw = await connect()
    raw.send(head("transfer-encoding: chunked"))

    raw.send(b"1\r\na\r\n" * 100_000)

    answer = await raw.answer()
    assert (answer.status, answer.code) == (400, "invalid_http")


async def test_many_pipelined_requests(connect: Connect) -> None:
    """Who sends hundreds of requests without waiting gets the first answers, then an end."""
    raw = await connect()

    raw.send(request() * 1000)

    answer = await raw.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await raw.ended() == b""


async def test_trailers_are_ignored(connect: Connect) -> None:
    """A header behind a body does not count as one of the request's."""
    raw = await connect()
    raw.send(head("transfer-encoding: chunked"))
    raw.send(b"%x\r\n%b\r\n0\r\nx-shim-strict: nonsense\r\n\r\n" % (len(BODY), BODY))

    assert (await raw.answer()).status == 200
