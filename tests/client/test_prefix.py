"""A model that the URL names, for harnesses that cannot name one."""

from typing import Any

import httpx
import pytest

from tests.live import LiveServer

SAYS = [{"role": "user", "content": "good morning"}]


async def sent(http: httpx.AsyncClient, fakes: LiveServer, path: str, **body: Any) -> Any:
    """POST to *path* below the server's root."""
    return await http.post(f"{fakes.url}{path}", **body)


@pytest.mark.parametrize("name", ["echo", "org/echo", "team/a/echo"])
@pytest.mark.parametrize("body", [{}, {"model": "gpt-4o"}, {"model": None}])
async def test_chat(
    http: httpx.AsyncClient, fakes: LiveServer, name: str, body: dict[str, Any]
) -> None:
    """The URL's model answers, whatever the body names; names may contain slashes."""
    path = f"/m/{name}/v1/chat/completions"

    answer = await sent(http, fakes, path, json={"messages": SAYS, **body})

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "good morning"


async def test_completions_and_tokens(http: httpx.AsyncClient, fakes: LiveServer) -> None:
    """So do the other routes for texts."""
    text = await sent(http, fakes, "/m/echo/v1/completions", json={"prompt": "one two"})
    tokens = await sent(http, fakes, "/m/echo/tokenize", json={"prompt": "ab"})

    assert text.json()["choices"][0]["text"] == "one two"
    assert tokens.json()["tokens"] == [97, 98]


@pytest.mark.parametrize("form", [{}, {"model": "whisper-1"}])
async def test_transcriptions(
    http: httpx.AsyncClient, fakes: LiveServer, form: dict[str, str]
) -> None:
    """And those for speech."""
    path = "/m/lines/v1/audio/transcriptions"

    answer = await sent(http, fakes, path, data=form, files={"file": b"good morning"})

    assert answer.json()["text"] == "good morning"


async def test_what_is_not_there(http: httpx.AsyncClient, fakes: LiveServer) -> None:
    """An unknown name is an unknown model, and a model of another kind says so."""
    unknown = await sent(http, fakes, "/m/a/none/v1/chat/completions", json={"messages": SAYS})
    other = await sent(http, fakes, "/m/vectors/v1/chat/completions", json={"messages": SAYS})

    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert "`a/none` does not exist" in unknown.json()["error"]["message"]
    assert (other.status_code, other.json()["error"]["code"]) == (404, "model_not_found")
    assert "`vectors`" in other.json()["error"]["message"]


async def test_a_model_has_to_be_named_somewhere(
    http: httpx.AsyncClient, fakes: LiveServer
) -> None:
    """Without one in the URL the body needs it."""
    for route, body in (("chat/completions", {"messages": SAYS}), ("completions", {"prompt": "a"})):
        answer = await sent(http, fakes, f"/v1/{route}", json=body)

        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "Missing required parameter: 'model'."


async def test_the_key_is_asked_for_all_the_same(fakes: LiveServer) -> None:
    """A prefix opens no door."""
    async with httpx.AsyncClient() as keyless:
        answer = await sent(keyless, fakes, "/m/echo/v1/chat/completions", json={"messages": SAYS})

    assert answer.status_code == 401
