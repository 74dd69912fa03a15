"""Who may ask: every route but health and readiness wants a key that the server knows."""

import hashlib
from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import answered, connect, says
from tests.live import KEY, LiveServer, serving

ROUTES = [
    ("GET", "/v1/models"),
    ("GET", "/v1/models/org/echo"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/audio/transcriptions"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer sk-wrong"},
        {"authorization": "Bearer"},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"x-api-key": KEY},
    ],
    ids=["none", "wrong", "empty", "bare", "basic", "elsewhere"],
)
async def test_no_answer_without_a_key(
    fakes: LiveServer, method: str, path: str, headers: dict[str, str]
) -> None:
    """Without the key nothing of the request is looked at, not even whether it makes sense."""
    async with httpx.AsyncClient(base_url=fakes.url) as http:
        answer = await http.request(method, path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"].startswith("req_")
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
    assert KEY not in error["message"]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_stock_client_with_a_wrong_key(fakes: LiveServer, kind: str) -> None:
    """The stock client raises AuthenticationError, for whole answers, streams and uploads."""
    client: Any = connect(kind, fakes, api_key="sk-wrong")

    for ask in (
        client.models.list,
        lambda: client.chat.completions.create(model="org/echo", messages=says("a")),
        lambda: client.chat.completions.create(model="org/echo", messages=says("a"), stream=True),
        lambda: client.audio.transcriptions.create(model="lines", file=b"a" * 3_000_000),
    ):
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
            await answered(ask())

    await answered(client.close())


async def test_health_needs_no_key(fakes: LiveServer) -> None:
    """Probes need no key; a dead engine shows in readiness, and by name to those with a key."""
    key = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=fakes.url) as http:
        health, ready = await http.get("/health"), await http.get("/ready")
        shown = await http.get("/ready", headers=key)

    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert ready.status_code == 503
    assert ready.json() == {"ready": False}
    assert shown.status_code == 503
    assert shown.json()["models"]["dead"] is False
    assert shown.json()["models"]["org/echo"] is True


@pytest.mark.parametrize(
    "keys",
    [(f"--api-key=sha256:{hashlib.sha256(KEY.encode()).hexdigest()}", "--api-key=other"), ()],
    ids=["digest", "none"],
)
async def test_keys_by_digest_and_no_key_at_all(keys: tuple[str, ...]) -> None:
    """A key that is configured as a digest lets in; on loopback no key need be configured."""
    with serving("--model", "echo=fake:chat", *keys) as server:
        client = connect("async", server)
        models = await client.models.list()
        await client.close()

    assert [model.id for model in models.data] == ["echo"]
