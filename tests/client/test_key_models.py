"""Keys with names, lists of models and rate limits, as the stock client meets them."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import connect, says
from tests.live import LiveServer, serving

CONFIG = """
[server]
api_keys = ["sk-all"]

[[server.keys]]
name = "alice"
key = "sk-alice"
models = ["gpt-4o", "lines"]

[[server.keys]]
name = "speaks"
key = "sk-speaks"
models = ["later-lines"]

[[server.keys]]
name = "thrice"
key = "sk-thrice"
requests_per_minute = 3

[[server.keys]]
name = "writes"
key = "sk-writes"
tokens_per_minute = 600

[[server.keys]]
name = "streams"
key = "sk-streams"
tokens_per_minute = 600

[[server.keys]]
name = "listens"
key = "sk-listens"
audio_seconds_per_minute = 1

[[models]]
id = "echo"
backend = "fake"
source = "chat"
aliases = ["gpt-4o"]

[[models]]
id = "org/secret"
backend = "fake"
source = "chat"
aliases = ["secret"]

[[models]]
id = "lines"
backend = "fake"
source = "speech"

[[models]]
id = "later-lines"
backend = "fake"
source = "speech"

[[models]]
id = "vectors"
backend = "fake"
source = "embedding"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve fakes with keys of several rights."""
    file = tmp_path_factory.mktemp("keys") / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file)) as live:
        yield live


def client(server: LiveServer, name: str) -> Any:
    """Return the stock client with the key of *name*, without retries."""
    return connect("async", server, api_key=f"sk-{name}", max_retries=0)


def sent(server: LiveServer, name: str, path: str, body: Any = None) -> httpx.Response:
    """Return the answer to *body* at *path*, or to a GET, for the key of *name*."""
    return httpx.request(
        "GET" if body is None else "POST",
        f"{server.url}{path}",
        json=body,
        headers={"authorization": f"Bearer sk-{name}"},
    )


async def chat(sender: Any, model: str = "echo", text: str = "a", **options: Any) -> Any:
    """Return the raw answer to a chat."""
    create = sender.chat.completions.with_raw_response.create
    return await create(model=model, messages=says(text), **options)


def test_the_models_of_a_key(server: LiveServer) -> None:
    """A key sees its models, each with all of its names, and not the others."""
    seen, every = (
        {model["id"] for model in sent(server, name, "/v1/models").json()["data"]}
        for name in ("alice", "all")
    )
    ready = sent(server, "alice", "/ready")

    assert seen == {"echo", "gpt-4o", "lines"}
    assert every == {*seen, "org/secret", "secret", "later-lines", "vectors"}
    assert ready.json() == {"ready": True, "models": {"echo": True, "lines": True}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "NAME", "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/completions", {"model": "NAME", "prompt": "a"}),
        ("/v1/responses", {"model": "NAME", "input": "a"}),
        ("/v1/embeddings", {"model": "NAME", "input": "a"}),
        ("/v1/audio/transcriptions", {"model": "NAME", "file": "YQ=="}),
        ("/tokenize", {"model": "NAME", "prompt": "a"}),
        ("/detokenize", {"model": "NAME", "tokens": [97]}),
        ("/tokenizer_info?model=NAME", None),
        ("/v1/models/NAME", None),
        ("/v1/models/NAME/manifest", None),
        ("/m/NAME/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]}),
        ("/m/NAME/v1/completions", {"prompt": "a"}),
        ("/engines/NAME/completions", {"prompt": "a"}),
    ],
)
def test_a_model_of_others(server: LiveServer, path: str, body: Any) -> None:
    """A model that the key may not use looks like one that does not exist, on every route."""
    unknown, *others = [
        sent(
            server,
            "alice",
            path.replace("NAME", name),
            body and json.loads(json.dumps(body).replace("NAME", name)),
        )
        for name in ("none", "secret", "vectors", "later-lines")
    ]

    for name, answer in zip(("secret", "vectors", "later-lines"), others, strict=True):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "model_not_found"
        assert answer.text == unknown.text.replace("`none`", f"`{name}`")


def test_the_default_model_of_a_key(server: LiveServer) -> None:
    """What names no model goes to the first one of the kind that the key may use."""
    speech = sent(server, "speaks", "/v1/audio/transcriptions", {"file": "Z29vZA=="})
    text = sent(server, "speaks", "/tokenize", {"prompt": "a"})

    assert (speech.status_code, speech.json()["text"]) == (200, "good")
    assert (text.status_code, text.json()["error"]["code"]) == (404, "model_not_found")


def test_metrics_are_of_all_models(server: LiveServer) -> None:
    """A key for some models may not read the metrics, which name all of them."""
    assert sent(server, "alice", "/metrics").status_code == 403
    assert sent(server, "all", "/metrics").status_code == 200


async def test_requests_in_a_minute(server: LiveServer) -> None:
    """After its requests of a minute a key is refused, in OpenAI's words and with its headers."""
    async with client(server, "thrice") as thrice:
        headers = [(await chat(thrice)).headers for _ in range(3)]
        with pytest.raises(openai.RateLimitError, match="Limit 3, Used 3, Requested 1") as refusal:
            await chat(thrice)
        await thrice.models.list()  # a GET is not charged

    remaining = [found.get("x-ratelimit-remaining-requests") for found in headers]
    assert remaining == ["2", "1", None]  # never 0 with a 200
    assert {found["x-ratelimit-limit-requests"] for found in headers} == {"3"}
    answer = refusal.value.response.headers
    assert answer["x-ratelimit-remaining-requests"] == "0"
    assert 0 < int(answer["retry-after"]) <= 20
    assert refusal.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize("key", ["writes", "streams"])
async def test_tokens_in_a_minute(server: LiveServer, key: str) -> None:
    """A request may use more tokens than remain; the next one then waits, streamed or not."""
    async with client(server, key) as sender:
        raw = await chat(sender, text="a " * 900, stream=key == "streams")
        if key == "streams":
            _ = [chunk async for chunk in raw.parse()]
        with pytest.raises(openai.RateLimitError, match=r"tokens per min .*Limit 600") as refusal:
            await chat(sender)

    answer = refusal.value.response.headers
    assert raw.headers["x-ratelimit-limit-tokens"] == "600"
    assert answer["x-ratelimit-remaining-tokens"] == "0"
    assert 30 < int(answer["retry-after"]) <= 60


async def test_audio_in_a_minute(server: LiveServer) -> None:
    """The seconds of a recording count against the key, and the next one then waits."""
    async with client(server, "listens") as listens:
        create = listens.audio.transcriptions.create
        await create(model="lines", file=b"one\ntwo\nthree")
        with pytest.raises(openai.RateLimitError, match="audio seconds per min") as refusal:
            await create(model="lines", file=b"good")

    assert refusal.value.response.headers["x-ratelimit-limit-audio-seconds"] == "1"
