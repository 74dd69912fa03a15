"""What a stream is made of, read as bytes: the rules that clients of all kinds rely on."""

import json
from typing import Any

import httpx

from tests.client.stock import says


async def events(http: httpx.AsyncClient, **options: Any) -> list[str]:
    """Return the stream's events, having checked that it consists of `data:` lines alone."""
    body = {"model": "org/echo", "messages": says("one two three"), "stream": True, **options}
    answer = await http.post("chat/completions", json=body)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.content.endswith(b"\n\n")
    lines = answer.text.removesuffix("\n\n").split("\n\n")
    assert all(line.startswith("data: ") and "\n" not in line for line in lines)
    return [line.removeprefix("data: ") for line in lines]


async def chunks(http: httpx.AsyncClient, **options: Any) -> list[Any]:
    """Return a stream's objects, having checked that `[DONE]` ends it."""
    *data, done = await events(http, **options)
    assert done == "[DONE]"
    return [json.loads(event) for event in data]


async def test_one_answer_has_one_heading(http: httpx.AsyncClient) -> None:
    """Every chunk repeats id, time, model, kind and fingerprint."""
    found = await chunks(http, stream_options={"include_usage": True})

    for key in ("id", "created", "model", "object", "system_fingerprint"):
        assert len({chunk[key] for chunk in found}) == 1
    assert found[0]["object"] == "chat.completion.chunk"


async def test_the_role_comes_first(http: httpx.AsyncClient) -> None:
    """The first delta is the role and no text, the last is empty and has the finish."""
    found = await chunks(http)

    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert found[-1]["choices"][0]["delta"] == {}
    assert found[-1]["choices"][0]["finish_reason"] == "stop"


async def test_usage_is_null_until_the_end(http: httpx.AsyncClient) -> None:
    """Asked for, usage is null in every chunk but one last chunk without choices."""
    *earlier, last = await chunks(http, stream_options={"include_usage": True})

    assert [chunk["usage"] for chunk in earlier] == [None] * len(earlier)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


async def test_no_usage_unasked(http: httpx.AsyncClient) -> None:
    """Not asked for, usage is not mentioned."""
    for options in ({}, {"stream_options": {"include_usage": False}}, {"stream_options": None}):
        assert not any("usage" in chunk for chunk in await chunks(http, **options))


async def test_nothing_to_say(http: httpx.AsyncClient) -> None:
    """An empty answer still has a role and a finish."""
    found = await chunks(http, messages=says(""))

    assert [chunk["choices"][0]["delta"] for chunk in found] == [
        {"role": "assistant", "content": ""},
        {},
    ]


async def test_a_failure_in_mid_stream(http: httpx.AsyncClient) -> None:
    """After the first byte an error is an event like any other, then `[DONE]` ends the body."""
    *_, error = await chunks(http, model="dies", messages=says("a b c d"))

    assert error == {
        "error": {
            "message": "The fake engine was told to die here.",
            "type": "service_unavailable_error",
            "param": None,
            "code": "server_is_overloaded",
        }
    }


async def test_a_failure_before_the_first_byte(http: httpx.AsyncClient) -> None:
    """Until the first byte a failure has its HTTP status, streamed or not."""
    for model, status in (("dead", 503), ("nope", 404)):
        for stream in (False, True):
            body = {"model": model, "messages": says("a"), "stream": stream}
            answer = await http.post("chat/completions", json=body)

            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"
