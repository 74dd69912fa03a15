"""Every answer has an id of its own, whatever answers."""

from typing import Any

import httpx
import pytest

from tests.client.stock import says

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


async def test_a_refusal_names_what_is_allowed(http: httpx.AsyncClient) -> None:
    """A method that is not allowed is refused with those that are (RFC 9110, 15.5.6)."""
    answer = await http.put("chat/completions", json=CHAT)

    assert "POST" in answer.headers["allow"]
    assert answer.json()["error"]["code"] == "method_not_allowed"
