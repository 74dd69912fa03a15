"""Refused while it uploads: the client reads why, and the server does not take it all."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import answered, connect
from tests.live import KEY, LiveServer, serving

WHOLE = 500_000_000
"""Bytes of an upload that has no reason to arrive."""

ENOUGH = 100_000_000
"""More than what the server lets by and what the buffers between hold."""

UPLOAD = "/v1/audio/transcriptions"
CHAT = "/v1/chat/completions"
RIGHT, WRONG = f"authorization: Bearer {KEY}", "authorization: Bearer sk-wrong"
JSON = "content-type: application/json"
DECLARED = f"content-length: {WHOLE}"
CHUNKED = "transfer-encoding: chunked"

PIECE = bytes(1 << 20)
PIECES = {DECLARED: PIECE, CHUNKED: b"%x\r\n%b\r\n" % (len(PIECE), PIECE)}


@contextmanager
def begun(server: LiveServer, request: str, *fields: str) -> Iterator[socket.socket]:
    """Send the head of a request over a connection of its own."""
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port), timeout=60) as connection:
        lines = [f"{request} HTTP/1.1", "host: x", *fields, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        yield connection


def pushed(connection: socket.socket, piece: bytes) -> int:
    """Send *piece* again and again, unless that fails; return how many bytes were taken."""
    taken = 0
    try:
        while taken < WHOLE:
            connection.sendall(piece)
            taken += len(piece)
    except ConnectionError:
        pass
    return taken


def received(connection: socket.socket) -> bytes:
    """Return all that the server has to say, until it closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("status", "request_", "fields"),
    [
        (401, f"POST {UPLOAD}", [WRONG]),
        (415, f"POST {UPLOAD}", [RIGHT]),
        (401, f"POST {CHAT}", [WRONG, JSON]),
        (413, f"POST {CHAT}", [RIGHT, JSON]),
        (404, "POST /v1/nowhere", [RIGHT]),
        (405, f"PUT {CHAT}", [RIGHT, JSON]),
    ],
)
@pytest.mark.parametrize("framing", PIECES)
def test_who_looks_only_when_all_is_sent(
    fakes: LiveServer, status: int, request_: str, fields: list[str], framing: str
) -> None:
    """A client that sends for as long as it can is stopped, and still finds its answer."""
    with begun(fakes, request_, *fields, framing) as connection:
        taken = pushed(connection, PIECES[framing])
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")

    assert taken < ENOUGH
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: close" in head
    assert body.endswith(b"}}")


def test_who_stops_but_does_not_leave(fakes: LiveServer) -> None:
    """A client that falls silent has its answer at once and is left after seconds."""
    with begun(fakes, f"POST {UPLOAD}", WRONG, DECLARED) as connection:
        connection.sendall(PIECE)
        began = time.monotonic()
        answer = received(connection)
        took = time.monotonic() - began

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.endswith(b"}}")
    assert took < 10


def test_who_asks_before_sending(fakes: LiveServer) -> None:
    """A client that expects to be told to go on is refused instead, not both."""
    fields = [WRONG, DECLARED, "expect: 100-continue"]
    with begun(fakes, f"POST {UPLOAD}", *fields) as connection:
        answer = received(connection)

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in answer


FORM = "content-type: multipart/form-data; boundary=b"


def beginning(**fields: str) -> bytes:
    """Return a form of *fields* up to where the recording would begin."""
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    return (parts + file).encode()


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "nope"}, 404, "model"),
        ({"model": "org/echo"}, 404, "model"),
        ({"model": "lines", "temperature": "hot"}, 400, "temperature"),
        ({"model": "lines", "language": "klingon"}, 400, "language"),
        ({"model": "lines", "known_speaker_names[]": "Ann"}, 400, "known_speaker_names"),
    ],
)
@pytest.mark.parametrize("path", [UPLOAD, "/audio/translations"])
def test_who_asks_for_what_there_is_not(
    fakes: LiveServer, path: str, fields: dict[str, str], status: int, param: str
) -> None:
    """What is wrong with the fields before the recording is told before any of that is sent."""
    with begun(fakes, f"POST {path}", RIGHT, FORM, DECLARED) as connection:
        connection.sendall(beginning(**fields))
        answer = b""
        while not answer.endswith(b"}}") and (piece := connection.recv(65536)):
            answer += piece

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert f'"param":"{param}"'.encode() in answer


def test_a_server_that_stops_meanwhile() -> None:
    """Whoever is still uploading when the server is told to end does not hold it up."""
    with serving("--model", "lines=fake:speech", "--api-key", KEY) as server:  # noqa: SIM117
        with begun(server, f"POST {UPLOAD}", WRONG, DECLARED) as connection:
            assert connection.recv(12) == b"HTTP/1.1 401"
            server.process.send_signal(signal.SIGTERM)

            assert server.process.wait(timeout=15) == 0
            assert received(connection).endswith(b"}}")


async def test_a_small_one_keeps_its_connection(fakes: LiveServer) -> None:
    """After a refusal that was cheap, the connection serves the next request."""
    async with httpx.AsyncClient(base_url=fakes.url) as http:
        refused = [await http.post(UPLOAD, content=bytes(size)) for size in (1, 60_000)]
        served = await http.get("/v1/models", headers={"authorization": f"Bearer {KEY}"})

    assert [answer.status_code for answer in (*refused, served)] == [401, 401, 200]
    streams = [answer.extensions["network_stream"] for answer in (*refused, served)]
    assert len({id(stream) for stream in streams}) == 1


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 300 MB that takes no room."""
    file = tmp_path_factory.mktemp("uploads") / "long.wav"
    with file.open("wb") as opened:
        opened.truncate(300_000_000)
    return file


async def refused(client: Any, file: Any) -> None:
    """Upload *file* with a wrong key; be told that."""
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        await answered(client.audio.transcriptions.create(model="lines", file=file))


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_stock_client(fakes: LiveServer, kind: str) -> None:
    """Either stock client raises AuthenticationError for recordings beyond OpenAI's own limit."""
    client: Any = connect(kind, fakes, api_key="sk-wrong")

    for _ in range(10):
        await refused(client, bytes(32_000_000))

    await answered(client.close())


@pytest.mark.parametrize(
    "kind",
    [
        "sync",
        pytest.param(
            "async",
            marks=pytest.mark.xfail(
                raises=openai.APIConnectionError,
                reason="anyio's stream does not read while it writes, and a reset ends it",
            ),
        ),
    ],
)
async def test_the_stock_client_with_much_more(
    fakes: LiveServer, recording: Path, kind: str
) -> None:
    """The synchronous stock client raises AuthenticationError however much it wanted to send."""
    client: Any = connect(kind, fakes, api_key="sk-wrong")

    try:
        with recording.open("rb") as file:
            await refused(client, file)
    finally:
        await answered(client.close())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("field", ["expect: 100-continue", "expect:", CHUNKED])
async def test_curl(fakes: LiveServer, recording: Path, field: str) -> None:
    """Curl stops at once, or does not even begin, and reports the status."""
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}"]
    command += ["-H", field, "-F", f"file=@{recording}", fakes.url + UPLOAD]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    told, _ = await process.communicate()

    status, sent = told.split()
    assert (process.returncode, status) == (0, b"401")
    assert int(sent) < ENOUGH
