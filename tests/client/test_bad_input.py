"""Input that nobody could answer: OpenAI's error, the right status, a server that is still up."""

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest

from tests.client.recordings import RATE, encoded, tone
from tests.client.stock import says
from tests.live import LiveServer

MEBI = 1 << 20

NESTED = "[" * 100_000 + "]" * 100_000


@pytest.fixture(autouse=True)
async def _still_up(builtin_http: httpx.AsyncClient, server: LiveServer) -> AsyncIterator[None]:
    """Whatever a test sends, the same process answers the next request."""
    yield
    body = {"model": "toy-chat", "messages": says("what is 2 + 2"), "temperature": 0}
    answer = await builtin_http.post("chat/completions", json=body)
    assert answer.json()["choices"][0]["message"]["content"] == "4"
    assert server.process.poll() is None


def refused(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    """Return the error of *answer*, having checked its form."""
    assert answer.status_code == status
    assert answer.headers["x-request-id"].startswith("req_")
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert "msgspec" not in error["message"]
    return error


# ── JSON ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"model": "toy-chat", "messages": [}',
        b"model=toy-chat",
        b'{"model": "\xff\xfe"}',
        b'{"model": "\\ud800"}',
        b'{"model": "toy-chat", "temperature": NaN}',
        b"\x00" * 1000,
        b"null",
        b"[]",
        b'"toy-chat"',
        f'{{"model": "toy-chat", "junk": {NESTED}}}'.encode(),
    ],
    ids=lambda content: repr(content[:40]),
)
async def test_bodies_that_are_no_json_object(
    builtin_http: httpx.AsyncClient, content: bytes
) -> None:
    """A body that cannot be read is refused as a whole."""
    headers = {"content-type": "application/json"}

    answer = await builtin_http.post("chat/completions", content=content, headers=headers)

    assert refused(answer)["param"] is None


GOOD = {"model": "toy-chat", "messages": says("what is 2 + 2")}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": says("a")}, "model"),
        ({"model": "toy-chat"}, "messages"),
        ({**GOOD, "model": None}, "model"),
        ({**GOOD, "model": 1}, "model"),
        ({**GOOD, "messages": "a"}, "messages"),
        ({**GOOD, "messages": {}}, "messages"),
        ({**GOOD, "messages": [None]}, "messages[0]"),
        ({**GOOD, "messages": [{"content": "a"}]}, "messages[0].role"),
        ({**GOOD, "messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({**GOOD, "messages": [{"role": "boss", "content": "a"}]}, "messages[0].role"),
        ({**GOOD, "messages": [{"role": "user"}]}, "messages[0].content"),
        ({**GOOD, "temperature": "hot"}, "temperature"),
        ({**GOOD, "max_tokens": 0}, "max_tokens"),
        ({**GOOD, "max_tokens": 1.5}, "max_tokens"),
        ({**GOOD, "n": 0}, "n"),
        ({**GOOD, "top_p": -1}, "top_p"),
        ({**GOOD, "stop": 1}, "stop"),
        ({**GOOD, "stream": "perhaps"}, "stream"),
        ({**GOOD, "logit_bias": {"a": 1}}, "logit_bias"),
        ({**GOOD, "max_tokens": 1 << 70}, "max_tokens"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_wrong_types(
    builtin_http: httpx.AsyncClient, body: dict[str, Any], param: str
) -> None:
    """A field that is missing or wrong is refused by its path."""
    answer = await builtin_http.post("chat/completions", json=body)

    error = refused(answer)
    assert error["param"] == param
    assert "`" not in error["message"]


@pytest.mark.parametrize(
    "options",
    [{"top_p": 0}, {"top_k": 1 << 40}, {"top_k": -1}, {"temperature": 1e-30}, {"temperature": 2}],
    ids=str,
)
async def test_the_edges_of_what_is_allowed(
    builtin_http: httpx.AsyncClient, options: dict[str, Any]
) -> None:
    """The extremes that OpenAI allows are answered."""
    answer = await builtin_http.post("chat/completions", json={**GOOD, **options})

    assert answer.status_code == 200


# ── audio ─────────────────────────────────────────────────────────────────────


async def heard(http: httpx.AsyncClient, audio: bytes, name: str = "a.wav") -> httpx.Response:
    """Send *audio* to the built-in model for speech."""
    files = {"file": (name, audio)}
    return await http.post("audio/transcriptions", data={"model": "toy-speech"}, files=files)


MP3, WEBM = encoded(tone(5), "mp3"), encoded(tone(5), "webm")

BROKEN = {
    "empty": (b"", "empty_audio"),
    "text": (b"The quick brown fox jumps over the lazy dog.\n" * 100, "unsupported_format"),
    "json": (json.dumps({"audio": "no"}).encode(), "unsupported_format"),
    "zeros": (bytes(100_000), "unsupported_format"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "no_audio"),
    "half an MP3": (MP3[: len(MP3) // 2], "truncated_audio"),
    "half a FLAC": (encoded(tone(5), "flac")[:20_000], "truncated_audio"),
    "half an M4A": (encoded(tone(5), "m4a")[:5_000], "unsupported_format"),
    "half a WebM": (WEBM[: len(WEBM) // 2], "truncated_audio"),
    "a WebM's head alone": (WEBM[: WEBM.index(bytes.fromhex("1f43b675"))], "empty_audio"),
    "a head alone": (encoded(tone(5), "wav")[:44], "unsupported_format"),
}


@pytest.mark.parametrize(("audio", "code"), BROKEN.values(), ids=BROKEN)
async def test_broken_audio(builtin_http: httpx.AsyncClient, audio: bytes, code: str) -> None:
    """What is no audio, or breaks off, is refused and not transcribed as far as it goes."""
    answer = await heard(builtin_http, audio)

    error = refused(answer)
    assert (error["code"], error["param"]) == (code, "file")


async def test_a_missing_model(builtin_http: httpx.AsyncClient) -> None:
    """A model that is not served is refused, whatever was sent along."""
    answer = await builtin_http.post(
        "audio/transcriptions", data={"model": "whisper-9"}, files={"file": MP3}
    )

    error = refused(answer, 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert error["message"].startswith(
        "The model `whisper-9` does not exist or you do not have access to it."
    )


async def test_silence_is_audio(builtin_http: httpx.AsyncClient) -> None:
    """Audio in which nobody speaks is answered, not refused."""
    answer = await heard(builtin_http, encoded(tone(1)[: RATE // 2] * 0, "wav"))

    assert answer.status_code == 200


async def test_a_hundred_megabytes_of_noise(
    builtin_http: httpx.AsyncClient, server: LiveServer
) -> None:
    """A large upload is spooled to disk, not held in memory, and refused when it is no audio."""
    process = psutil.Process(server.process.pid)
    before, peak = process.memory_info().rss, 0
    noise = random.Random(0)  # noqa: S311  the same noise in every run
    head = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ntoy-speech\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'
    )

    async def body() -> AsyncIterator[bytes]:
        nonlocal peak
        yield head
        for _ in range(100):
            yield noise.randbytes(MEBI)
            peak = max(peak, process.memory_info().rss)
        yield b"\r\n--b--\r\n"

    answer = await builtin_http.post(
        "audio/transcriptions",
        content=body(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )

    assert refused(answer)["code"] == "unsupported_format"
    peak = max(peak, process.memory_info().rss)
    assert peak - before < 128 * MEBI
