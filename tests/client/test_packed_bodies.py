"""Packed request bodies, on every route that reads one."""

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from tests.client.stock import says
from tests.client.test_form import MODEL, SPEECH, raw

CHAT = json.dumps({"model": "echo", "messages": says("good morning")}).encode()
PACKED = [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)]


async def sent(
    http: httpx.AsyncClient, path: str, content: bytes, **headers: str
) -> httpx.Response:
    """POST *content*."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.post(path, content=content, headers=named)


@pytest.mark.parametrize(("coding", "pack"), PACKED)
async def test_json(http: httpx.AsyncClient, coding: str, pack: Any) -> None:
    """A packed JSON body is answered as it is when it is not packed."""
    for path, body in (
        ("chat/completions", CHAT),
        ("completions", b'{"model": "echo", "prompt": "good morning"}'),
        ("embeddings", b'{"model": "vectors", "input": "a"}'),
        ("../tokenize", b'{"model": "echo", "prompt": "good"}'),
        ("audio/transcriptions", b'{"file": "Z29vZA=="}'),
    ):
        kind = {"content_type": "application/json"}
        url = str(http.base_url.join(path))
        plain = await sent(http, url, body, **kind)
        packed = await sent(http, url, pack(body), content_encoding=coding, **kind)

        assert (plain.status_code, packed.status_code) == (200, 200)
        assert packed.json().keys() == plain.json().keys()


@pytest.mark.parametrize(("coding", "pack"), PACKED)
async def test_forms(http: httpx.AsyncClient, coding: str, pack: Any) -> None:
    """So is a packed form."""
    form = raw(MODEL, SPEECH)

    answer = await http.post(
        "audio/transcriptions",
        content=pack(form["content"]),
        headers={**form["headers"], "content-encoding": coding},
    )

    assert (answer.status_code, answer.json()["text"]) == (200, "good morning")


async def test_limits_are_on_what_is_unpacked(http: httpx.AsyncClient) -> None:
    """A small body that unpacks to more than the limit is refused as a large one is."""
    bomb = gzip.compress(CHAT[:-1] + b" " * 50_000_000 + b"}")

    answer = await sent(http, "chat/completions", bomb, content_encoding="gzip")

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "content_too_large"


@pytest.mark.parametrize("path", ["chat/completions", "audio/transcriptions", "../tokenize"])
@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip"])
async def test_other_codings(http: httpx.AsyncClient, path: str, coding: str) -> None:
    """Any other coding is a 415 that names it and those that are taken."""
    headers = {**raw()["headers"], "content-encoding": coding}

    answer = await http.post(http.base_url.join(path), content=b"\x0b\x02\x80", headers=headers)

    assert answer.status_code == 415
    assert f"`{coding}`" in answer.json()["error"]["message"]
    assert answer.headers["accept-encoding"] == "gzip, deflate"


async def test_a_body_that_is_not_packed(http: httpx.AsyncClient) -> None:
    """A body that is not packed as its header says is the client's fault."""
    answer = await sent(http, "chat/completions", CHAT, content_encoding="gzip")

    assert answer.status_code == 400
    assert "not valid gzip" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["chat/completions", "audio/transcriptions"])
async def test_charsets(http: httpx.AsyncClient, path: str) -> None:
    """JSON in another charset is read."""
    text = (
        '{"model": "echo", "messages": [{"role": "user", "content": "schön"}], "file": "c2Now7Zu"}'
    )
    text = text.replace("echo", "echo" if path.startswith("chat") else "lines")

    for charset, declared in (("utf-8-sig", ""), ("utf-16", ""), ("latin-1", "; charset=latin-1")):
        body = text.encode(charset)
        answer = await sent(http, path, body, content_type=f"application/json{declared}")

        assert answer.status_code == 200
        assert "schön" in answer.text
