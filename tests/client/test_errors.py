"""Every failure of the wire's table, as the stock client raises it and as it was sent."""

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import answered, connect, says
from tests.live import LiveServer, serving

Body = tuple[str, str | None, str | None]
"""Type, code and param."""

INVALID = "invalid_request_error"
DEAD = ("service_unavailable_error", "server_is_overloaded", None)


def chat(model: str = "org/echo", text: str = "a", **options: Any) -> Callable[[Any], Any]:
    """Return a chat request that waits for its client."""
    return lambda client: client.chat.completions.create(
        model=model, messages=says(text), **options
    )


def transcribe(
    model: str = "lines", file: bytes | str = b"hello", **options: Any
) -> Callable[[Any], Any]:
    """Return a transcription request that waits for its client."""
    return lambda client: client.audio.transcriptions.create(
        model=model, file=("a.wav", file), **options
    )


REFUSALS = {
    "no messages": (
        lambda client: client.chat.completions.create(model="org/echo", messages=[]),
        openai.BadRequestError,
        (INVALID, None, "messages"),
    ),
    "too hot": (chat(temperature=3), openai.BadRequestError, (INVALID, None, "temperature")),
    "too long": (
        chat(text="a " * 2000),
        openai.BadRequestError,
        (INVALID, "context_length_exceeded", "messages"),
    ),
    "tools": (
        chat(tools=[{"type": "function", "function": {"name": "f"}}]),
        openai.BadRequestError,
        (INVALID, "unsupported_parameter", "tools"),
    ),
    "json mode": (
        chat(response_format={"type": "json_object"}),
        openai.BadRequestError,
        (INVALID, "unsupported_parameter", "response_format"),
    ),
    "top_logprobs alone": (
        chat(top_logprobs=2),
        openai.BadRequestError,
        (INVALID, None, "top_logprobs"),
    ),
    "usage unstreamed": (
        chat(stream_options={"include_usage": True}),
        openai.BadRequestError,
        (INVALID, None, "stream_options"),
    ),
    "unknown model": (
        chat("nope"),
        openai.NotFoundError,
        (INVALID, "model_not_found", "model"),
    ),
    "model of another kind": (
        chat("vectors"),
        openai.NotFoundError,
        (INVALID, "model_not_found", "model"),
    ),
    "chat model for speech": (
        transcribe("org/echo"),
        openai.NotFoundError,
        (INVALID, "model_not_found", "model"),
    ),
    "unknown model card": (
        lambda client: client.models.retrieve("no/such"),
        openai.NotFoundError,
        (INVALID, "model_not_found", "model"),
    ),
    "not audio": (
        transcribe(file=b"\xff\xfe"),
        openai.BadRequestError,
        (INVALID, "unsupported_format", "file"),
    ),
    "language": (
        transcribe(language="klingon"),
        openai.BadRequestError,
        (INVALID, "unsupported_language", "language"),
    ),
    "format": (
        transcribe(response_format="yaml"),
        openai.BadRequestError,
        (INVALID, None, "response_format"),
    ),
    "words without a place": (
        transcribe(timestamp_granularities=["word"]),
        openai.BadRequestError,
        (INVALID, None, "timestamp_granularities"),
    ),
    "speakers": (
        transcribe(extra_body={"known_speaker_names": ["Ann"]}),
        openai.BadRequestError,
        (INVALID, "unsupported_parameter", "known_speaker_names"),
    ),
    "unknown url": (
        lambda client: client.moderations.create(model="org/echo", input="a"),
        openai.NotFoundError,
        (INVALID, "unknown_url", None),
    ),
    "dead": (chat("dead"), openai.InternalServerError, DEAD),
    "dead, streamed": (chat("dead", stream=True), openai.InternalServerError, DEAD),
    "dead speech": (transcribe("dead-speech"), openai.InternalServerError, DEAD),
    "dies": (chat("dies", "a b c d"), openai.InternalServerError, DEAD),
    "too large": (
        chat(text="a" * 70_000),
        openai.APIStatusError,
        (INVALID, "content_too_large", None),
    ),
}


@pytest.mark.parametrize(("ask", "kind", "body"), REFUSALS.values(), ids=REFUSALS)
async def test_refusals(
    client: Any, ask: Callable[[Any], Any], kind: type[openai.APIStatusError], body: Body
) -> None:
    """Each failure raises its class, with all four keys of OpenAI's error and a request id."""
    with pytest.raises(kind) as failure:
        await answered(ask(client))

    error = failure.value
    assert type(error) is kind
    assert set(error.body) == {"message", "type", "param", "code"}
    assert (error.type, error.code, error.param) == body
    assert error.body["message"]
    assert error.request_id.startswith("req_")


async def test_too_long_a_prompt_says_so_twice(client: Any) -> None:
    """Harnesses look for the code, or for these words in the message."""
    with pytest.raises(openai.BadRequestError, match="maximum context length is 1024 tokens"):
        await answered(chat(text="a " * 2000)(client))


async def test_too_large_a_body_says_by_how_much(client: Any) -> None:
    """The 413 names the limit and what was sent."""
    with pytest.raises(openai.APIStatusError) as failure:
        await answered(chat(text="a" * 70_000)(client))

    sent = failure.value.request.headers["content-length"]
    assert failure.value.status_code == 413
    assert failure.value.body["message"] == (
        f"Maximum content size limit (65536) exceeded ({sent} bytes read)"
    )


async def test_a_large_body_without_a_length(http: httpx.AsyncClient) -> None:
    """A body that is sent in pieces is cut off at the limit too."""

    async def pieces() -> Any:
        for _ in range(100):
            yield b" " * 1000

    answer = await http.post("chat/completions", content=pieces())

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "content_too_large"


async def test_too_large_an_upload() -> None:
    """The limit of uploads is its own."""
    with serving("--model", "lines=fake:speech", SHIM_LIMITS_UPLOAD_BYTES="2048") as server:
        client = connect("async", server)
        found = await answered(transcribe(file=b"a" * 1000)(client))
        with pytest.raises(openai.APIStatusError, match="limit \\(2048\\) exceeded") as failure:
            await answered(transcribe(file=b"a" * 3000)(client))
        await answered(client.close())

    assert found.text == "a" * 1000
    assert failure.value.status_code == 413


async def test_a_dead_engine_asks_for_patience(fakes: LiveServer) -> None:
    """A 503 says when to come again, within the bounds that every released client honours."""
    client = connect("async", fakes)

    with pytest.raises(openai.InternalServerError) as failure:
        await chat("dead")(client)

    assert failure.value.status_code == 503
    assert 1 <= int(failure.value.response.headers["retry-after"]) <= 60
    await client.close()
