"""Every answer has an id of its own, whatever answers."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from tests.client.stock import says
from tests.live import serving

CHAT = {"model": "org/echo", "messages": says("a")}

ANSWERS: list[tuple[str, int, dict[str, Any]]] = [
    ("GET /health", 200, {}),
    ("GET /ready", 503, {}),
    ("GET /v1/models", 200, {}),
    ("GET /v1/models/org/echo", 200, {}),
    ("GET /v1/models/no/such", 404, {}),
    ("GET /nowhere", 404, {}),
    ("OPTIONS /v1/models", 204, {}),
    ("DELETE /v1/models/org/echo", 405, {}),
    ("PUT /v1/chat/completions", 405, {"json": CHAT}),
    ("POST /v1/chat/completions", 200, {"json": CHAT}),
    ("POST /v1/chat/completions", 200, {"json": {**CHAT, "stream": True}}),
    ("POST /v1/chat/completions", 400, {"json": {**CHAT, "n": 0}}),
    ("POST /v1/chat/completions", 401, {"headers": {"authorization": "Bearer no"}}),
    ("POST /v1/chat/completions", 413, {"content": bytes(70_000)}),
    ("POST /v1/chat/completions", 503, {"json": {**CHAT, "model": "dead"}}),
    ("POST /v1/audio/transcriptions", 415, {"data": {"model": "lines"}}),
    (
        "POST /v1/audio/transcriptions",
        200,
        {"data": {"model": "lines", "response_format": "text"}, "files": {"file": b"a"}},
    ),
]


@pytest.mark.parametrize(("request_", "status", "options"), ANSWERS)
async def test_every_answer(
    http: httpx.AsyncClient, request_: str, status: int, options: dict[str, Any]
) -> None:
    """Success, failure, stream or text: each answer has an id, and no two have the same."""
    method, path = request_.split()
    url = http.base_url.join(path)

    answers = [await http.request(method, url, **options) for _ in range(2)]

    assert {answer.status_code for answer in answers} == {status}
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert all(one.startswith("req_") for one in ids)


TAKEN = ["mine", "run 7/sample 3", "5f0c7c1e-0b1c-4d0e-9d55-000000000000", "x" * 128, "~!@"]
LEFT = ["", "x" * 129, "x" * 20_000, "caf\u00e9", "a\tb", "\x7f"]


@pytest.mark.parametrize("given", TAKEN)
async def test_an_id_of_the_clients_own(http: httpx.AsyncClient, given: str) -> None:
    """A client's own id is taken over, by answers, streams and refusals alike."""
    for path, body in (
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", {**CHAT, "stream": True}),
        ("/v1/chat/completions", {**CHAT, "n": 0}),
        ("/nowhere", {}),
    ):
        for name in ("x-request-id", "X-Client-Request-Id"):
            answer = await http.post(http.base_url.join(path), json=body, headers={name: given})

            assert answer.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", LEFT, ids=range(len(LEFT)))
async def test_an_id_that_is_none(http: httpx.AsyncClient, given: str) -> None:
    """One that is too long, or holds what cannot be printed, is not."""
    answer = await http.post(
        "chat/completions", json=CHAT, headers={"x-request-id": given.encode()}
    )

    assert answer.headers["x-request-id"].startswith("req_")


async def test_the_same_id_at_once(http: httpx.AsyncClient) -> None:
    """Two requests with the same id are two requests."""
    bodies = [{**CHAT, "messages": says(f"number {at}")} for at in range(20)]
    headers = {"x-request-id": "same"}

    answers = await asyncio.gather(
        *(http.post("chat/completions", json=body, headers=headers) for body in bodies)
    )

    found = [answer.json()["choices"][0]["message"]["content"] for answer in answers]
    assert found == [body["messages"][0]["content"] for body in bodies]
    assert len({answer.json()["id"] for answer in answers}) == 20


def test_it_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """The log names the request by the client's id, also where it is refused at once."""
    with serving("--model", "echo=fake:chat", "--log-level", "info") as server:
        headers = {"x-request-id": "mine 7"}
        httpx.get(f"{server.url}/health", headers=headers)
        page = {**headers, "origin": "https://evil.example"}
        refused = httpx.get(f"{server.url}/health", headers=page)

    log = capfd.readouterr().err
    ended = [line.partition("GET /health ")[2] for line in log.splitlines()]
    assert any(re.fullmatch(r"200 .* request_id=mine 7", line) for line in ended)
    assert any(re.fullmatch(r"403 .* request_id=mine 7", line) for line in ended)
    assert refused.headers["x-request-id"] == "mine 7"


async def test_a_refusal_names_what_is_allowed(http: httpx.AsyncClient) -> None:
    """A method that is not allowed is refused with those that are (RFC 9110, 15.5.6)."""
    answer = await http.put("chat/completions", json=CHAT)

    assert answer.headers["allow"] == "OPTIONS, POST"
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert "Allowed here: OPTIONS, POST." in answer.json()["error"]["message"]
