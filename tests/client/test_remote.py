"""Models on other servers: what a client sees through a Shim in front of two Shims."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.live import BUILTIN, CLIPS, KEY, LiveServer, serving

UPSTREAM_KEY = "sk-upstream-secret"

BEHIND = f"""
[server]
api_keys = ["{UPSTREAM_KEY}"]
[[models]]
id = "org/echo"
backend = "fake"
source = "chat"
[[models]]
id = "vectors"
backend = "fake"
source = "embedding"
[[models]]
id = "lines"
backend = "fake"
source = "speech"
[[models]]
id = "one"
backend = "fake"
source = "chat"
max_running = 1
max_waiting = 0
options = {{ seconds_per_item = 0.1 }}
[[models]]
id = "dies"
backend = "fake"
source = "chat"
options = {{ fail_after = 2 }}
[[models]]
id = "toy"
backend = "ct2"
source = "{BUILTIN / "chat"}"
"""

NAMES = {
    "echo": "org/echo",
    "vectors": "vectors",
    "lines": "lines",
    "one": "one",
    "dies": "dies",
    "toy": "toy",
    "missing": "missing",
}
"""The models in front, and their names behind."""


def config(urls: list[str], names: dict[str, str], *, key: str = UPSTREAM_KEY) -> str:
    """Return the configuration of a Shim in front of the servers at *urls*."""
    lines = [f'[server]\napi_keys = ["{KEY}"]']
    for name, behind in names.items():
        upstreams = ", ".join(
            f'{{ url = "{url}", key = "{key}", model = "{behind}" }}' for url in urls
        )
        lines.append(f'[[models]]\nid = "{name}"\nbackend = "remote"\nupstreams = [{upstreams}]')
    lines.append('[[models]]\nid = "local"\nbackend = "fake"\nsource = "chat"')
    lines.append('[[models]]\nid = "local-lines"\nbackend = "fake"\nsource = "speech"')
    return "\n".join(lines)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveServer]]:
    """Serve the same models twice, with a key."""
    file = tmp_path_factory.mktemp("behind") / "shim.toml"
    file.write_text(BEHIND)
    with serving("--config", str(file)) as one, serving("--config", str(file)) as two:
        yield [one, two]


@pytest.fixture(scope="module")
def front(
    behind: list[LiveServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """Serve all models of both servers, under names that differ."""
    folder = tmp_path_factory.mktemp("front")
    file = folder / "shim.toml"
    file.write_text(config([server.base_url for server in behind], NAMES))
    with serving("--config", str(file), SHIM_BATCHES_DIRECTORY=str(folder / "batches")) as live:
        yield live


@pytest.fixture(scope="module")
def through(front: LiveServer) -> Iterator[OpenAI]:
    """Connect the stock client to the Shim in front."""
    with connected(front, KEY) as client:
        yield client


@pytest.fixture(scope="module")
def direct(behind: list[LiveServer]) -> Iterator[OpenAI]:
    """Connect the stock client to one of the servers behind."""
    with connected(behind[0], UPSTREAM_KEY) as client:
        yield client


def connected(server: LiveServer, key: str) -> OpenAI:
    """Return a client that does not try again."""
    return OpenAI(
        base_url=server.base_url,
        api_key=key,
        max_retries=0,
        timeout=60,
        _strict_response_validation=True,
    )


SAYS = [{"role": "user", "content": "one two three"}]
CLIP = next(iter(sorted(CLIPS.glob("en-*.flac"))))

ROUTES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "chat": ("echo", "/chat/completions", {"messages": SAYS}),
    "a body of a megabyte": (
        "echo",
        "/chat/completions",
        {"messages": [{"role": "user", "content": "é" * 500_000}]},
    ),
    "chat, streamed": (
        "echo",
        "/chat/completions",
        {"messages": SAYS, "stream": True, "stream_options": {"include_usage": True}},
    ),
    "log probabilities": (
        "toy",
        "/completions",
        {"prompt": "one two", "max_tokens": 3, "logprobs": 2, "echo": True, "temperature": 0},
    ),
    "completions, streamed": ("echo", "/completions", {"prompt": "one two", "stream": True}),
    "responses": ("echo", "/responses", {"input": "one two"}),
    "responses, streamed": ("echo", "/responses", {"input": "one two", "stream": True}),
    "embeddings": ("vectors", "/embeddings", {"input": ["one", "two"]}),
    "no such parameter value": ("echo", "/chat/completions", {"messages": SAYS, "n": 0}),
    "too long": ("echo", "/completions", {"prompt": "word " * 2000}),
    "unknown model": ("missing", "/chat/completions", {"messages": SAYS}),
    "tokenize": ("toy", "/../tokenize", {"prompt": "one two"}),
    "detokenize": ("toy", "/../detokenize", {"tokens": [1, 2, 3]}),
}

VARIES = re.compile(rb'"(?:id|created|created_at|completed_at|item_id)":("[^"]*"|[\d.]+)')
"""Ids and times, which are new in each answer."""


@pytest.mark.parametrize("case", ROUTES)
def test_bytes_are_those_of_the_server(
    case: str, front: LiveServer, behind: list[LiveServer]
) -> None:
    """Through the front a request brings the bytes, the status and the type that it brings behind.

    The ids and times in them are others.
    """
    name, path, body = ROUTES[case]

    ours = posted(front, path, {"model": name, **body}, KEY)
    theirs = posted(behind[0], path, {"model": NAMES[name], **body}, UPSTREAM_KEY)

    assert VARIES.sub(b"", ours.content) == VARIES.sub(b"", theirs.content)
    assert ours.status_code == theirs.status_code
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert ours.headers["x-shim-attempts"] == "1"
    assert ours.headers["x-shim-upstream"] in {server.base_url for server in behind}
    assert ours.headers["x-upstream-request-id"]


def posted(server: LiveServer, path: str, body: dict[str, Any], key: str) -> httpx.Response:
    """Send *body* as JSON."""
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(server.base_url + path, json=body, headers=headers, timeout=60)


def test_the_stock_client_reads_every_route(through: OpenAI) -> None:
    """Chat, text, response, vector, model and transcript come as OpenAI's types."""
    chat = through.chat.completions.create(model="echo", messages=SAYS)
    chunks = list(through.chat.completions.create(model="echo", messages=SAYS, stream=True))
    response = through.responses.create(model="echo", input="one two")
    events = list(through.responses.create(model="echo", input="one two", stream=True))
    vectors = through.embeddings.create(model="vectors", input="one", encoding_format="float")
    text = through.audio.transcriptions.create(model="lines", file=("a.wav", b"hello\nyou"))

    assert chat.choices[0].message.content == "one two three"
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(word or "" for word in words) == "one two three"
    assert len([word for word in words if word]) == 3
    assert response.output_text == "one two"
    assert events[-1].type == "response.completed"
    assert len(vectors.data[0].embedding) == 32
    assert text.text == "hello you"


def test_a_batch_may_be_of_models_behind(through: OpenAI) -> None:
    """Lines are passed on as requests are; one for a model that is unknown behind fails alone."""
    bodies = [{"model": name, "messages": SAYS} for name in ("echo", "local", "missing")]
    lines = [
        {"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions", "body": body}
        for n, body in enumerate(bodies)
    ]
    content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    file = through.files.create(file=content, purpose="batch")
    batch = through.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    deadline = time.monotonic() + 60
    while batch.completed_at is None and time.monotonic() < deadline:
        batch = through.batches.retrieve(batch.id)

    assert batch.output_file_id is not None
    answers = [
        json.loads(line) for line in through.files.content(batch.output_file_id).iter_lines()
    ]
    said = [each["response"]["body"]["choices"][0]["message"]["content"] for each in answers]
    assert said == ["one two three"] * 2
    assert batch.request_counts is not None
    assert batch.request_counts.failed == 1


def test_the_list_has_the_length_of_the_context(through: OpenAI) -> None:
    """A remote model is listed with the `max_model_len` that its servers state."""
    cards = {card.id: card.to_dict() for card in through.models.list()}

    assert cards["echo"]["max_model_len"] == 1024
    assert "max_model_len" not in cards["lines"]


def test_a_manifest_is_found_where_it_was_made(front: LiveServer, through: OpenAI) -> None:
    """The manifest of a transcription is read from the server that transcribed."""
    for _ in range(4):
        raw = through.audio.transcriptions.with_raw_response.create(
            model="lines", file=("a.wav", b"hello"), language="de"
        )
        path = f"/models/lines/manifest/{raw.headers['x-shim-manifest']}"

        found = httpx.get(front.base_url + path, headers={"authorization": f"Bearer {KEY}"})

        assert found.json()["language"] == "de"


def test_a_form_may_have_its_file_first(front: LiveServer) -> None:
    """The model of a form is found after its file too, also for a model that is not remote."""
    for name in ("lines", "local-lines"):
        body = (
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
            + b"line\n" * 200_000
            + b'\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n--b\r\n'
            b'Content-Disposition: form-data; name="response_format"\r\n\r\ntext\r\n--b--\r\n'
            % name.encode()
        )
        headers = {
            "authorization": f"Bearer {KEY}",
            "content-type": "multipart/form-data; boundary=b",
        }
        short = body.replace(b"line\n" * 200_000, b"line\n" * 3)

        answer = httpx.post(
            f"{front.base_url}/audio/transcriptions", content=short, headers=headers
        )

        assert answer.text == "line line line\n"


def test_the_model_may_be_in_the_url(front: LiveServer) -> None:
    """A body without a model gets the name of the one in the URL, in JSON and in a form."""
    url = f"{front.url}/m/echo/v1/chat/completions"
    headers = {"authorization": f"Bearer {KEY}"}

    chat = httpx.post(url, json={"messages": SAYS}, headers=headers)
    other = httpx.post(url, json={"messages": SAYS, "model": "local"}, headers=headers)
    text = httpx.post(
        f"{front.url}/m/lines/v1/audio/transcriptions",
        files={"file": ("a.wav", b"hello")},
        headers=headers,
    )

    assert chat.json()["model"] == other.json()["model"] == "org/echo"
    assert text.json()["text"] == "hello"


def test_strict_mode_is_this_servers_too(through: OpenAI) -> None:
    """In strict mode an unknown parameter is refused before the request is sent on."""
    strict = {"x-shim-strict": "true"}
    with pytest.raises(openai.BadRequestError, match="nonsense") as refused:
        through.chat.completions.create(
            model="echo", messages=SAYS, extra_body={"nonsense": 1}, extra_headers=strict
        )
    with pytest.raises(openai.BadRequestError, match="nonsense"):
        through.audio.transcriptions.create(
            model="lines",
            file=("a.wav", b"hello"),
            extra_body={"nonsense": 1},
            extra_headers=strict,
        )
    text = through.audio.transcriptions.create(
        model="lines", file=("a.wav", b"hello"), extra_headers=strict
    )

    assert "x-shim-upstream" not in refused.value.response.headers
    assert text.text == "hello"


def test_a_full_server_is_passed_over(through: OpenAI, behind: list[LiveServer]) -> None:
    """A 429 of one server is tried at the other one, and only the last one reaches the client."""
    headers = {"authorization": f"Bearer {UPSTREAM_KEY}"}
    body = {"model": "one", "stream": True, "messages": [{"role": "user", "content": "w " * 40}]}
    url = f"{behind[0].base_url}/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers) as busy:
        reading = busy.iter_raw()
        next(reading)
        answers = [
            through.chat.completions.with_raw_response.create(model="one", messages=SAYS)
            for _ in range(4)
        ]

        assert {answer.headers["x-shim-upstream"] for answer in answers} == {behind[1].base_url}
        with httpx.stream(
            "POST", f"{behind[1].base_url}/chat/completions", json=body, headers=headers
        ) as too:
            also = too.iter_raw()
            next(also)
            with pytest.raises(openai.RateLimitError) as refused:
                through.chat.completions.create(model="one", messages=SAYS)

            assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60


def test_a_stream_that_fails_behind_fails_alike(through: OpenAI, direct: OpenAI) -> None:
    """An engine that dies in mid-stream brings the client the same error through the front."""
    for client, name in ((through, "dies"), (direct, "dies")):
        stream = client.chat.completions.create(model=name, messages=SAYS, stream=True)
        with pytest.raises(openai.APIError) as died:
            list(stream)

        assert died.value.type == "service_unavailable_error"


def test_requests_are_measured(front: LiveServer, through: OpenAI) -> None:
    """A remote model's requests, tokens and refusals are in the metrics of the server in front."""
    before = metrics(front)
    through.chat.completions.create(model="echo", messages=SAYS)
    list(
        through.chat.completions.create(
            model="echo", messages=SAYS, stream=True, stream_options={"include_usage": True}
        )
    )
    with pytest.raises(openai.BadRequestError):
        through.chat.completions.create(model="echo", messages=SAYS, n=0)
    after = metrics(front)

    def grown(name: str, labels: str) -> float:
        key = f'{name}{{model="echo",route="chat"{labels}}}'
        return after.get(key, 0) - before.get(key, 0)

    assert grown("shim_requests_total", ',status="200"') == 2
    assert grown("shim_requests_total", ',status="400"') == 1
    assert grown("shim_completion_tokens_total", "") == 6
    assert grown("shim_time_to_first_token_seconds_count", "") == 1


def test_servers_are_measured(front: LiveServer, behind: list[LiveServer], through: OpenAI) -> None:
    """The metrics have which server answered with which status, and whether it is ready."""
    before = metrics(front)
    through.chat.completions.create(model="echo", messages=SAYS)
    with pytest.raises(openai.BadRequestError):
        through.chat.completions.create(model="echo", messages=SAYS, n=0)
    after = metrics(front)

    for status in (200, 400):
        keys = [_series("requests_total", server, f'status="{status}",') for server in behind]
        assert sum(after.get(key, 0) - before.get(key, 0) for key in keys) == 1
    assert [after[_series("ready", server)] for server in behind] == [1, 1]


def _series(name: str, server: LiveServer, labels: str = "") -> str:
    return f'shim_upstream_{name}{{model="echo",{labels}upstream="{server.base_url}"}}'


def metrics(server: LiveServer) -> dict[str, float]:
    """Return the values of all series."""
    headers = {"authorization": f"Bearer {KEY}"}
    lines = httpx.get(f"{server.url}/metrics", headers=headers).text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {series: float(value) for series, value in pairs}
