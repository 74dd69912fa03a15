"""The cache of answers: what is given twice, to whom, and what is computed again."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client.conftest import KEEPING, OTHER_KEY, Keeping
from tests.client.stock import connect, says
from tests.live import CLIPS, KEY, LiveServer, serving

CLIP = min(CLIPS.iterdir())


@pytest.fixture
def cached(keeping: Keeping) -> LiveServer:
    """Return a server with a cache."""
    return keeping.server


@pytest.fixture
def client(cached: LiveServer) -> Iterator[Any]:
    """Connect a stock client that shows the headers of its answers."""
    with connect("sync", cached) as client:
        yield client.with_raw_response


def marks(*answers: Any) -> list[str | None]:
    """Return what each answer says about the cache."""
    return [answer.headers.get("x-shim-cache") for answer in answers]


def chat(client: Any, text: str, **options: Any) -> Any:
    """Return the answer to a chat."""
    given = {"model": "toy-chat", "messages": says(text), "max_tokens": 8, **options}
    return client.chat.completions.create(**given)


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_request(client: Any, stream: bool) -> None:  # noqa: FBT001
    """At temperature 0 the second answer is the first one from disk, byte for byte."""
    first = chat(client, "3+4", temperature=0, stream=stream)
    body = first.http_response.read()  # a stream is kept when its end is sent
    second = chat(client, "3+4", temperature=0, stream=stream)

    assert marks(first, second) == ["miss", "hit"]
    assert body == second.http_response.read()
    assert first.headers["content-type"] == second.headers["content-type"]


def test_another_order(cached: LiveServer) -> None:
    """The order of a body's members does not matter, a value does."""
    one = {"model": "toy-chat", "prompt": "a", "temperature": 0, "max_tokens": 2}
    bodies = [one, dict(reversed(one.items())), {**one, "max_tokens": 3}]

    answers = [post(cached, "/completions", body) for body in bodies]

    assert marks(*answers) == ["miss", "hit", "miss"]


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"temperature": 1, "top_p": 0.1}])
def test_what_is_drawn(client: Any, options: dict[str, Any]) -> None:
    """A request that may have several answers is computed each time, and not marked."""
    answers = [chat(client, "draw", **options) for _ in range(2)]

    assert marks(*answers) == [None, None]


def test_recordings(client: Any) -> None:
    """A recording is looked up if it is decoded at temperature 0 alone, as a form."""

    def transcribe(model: str, **options: Any) -> Any:
        return client.audio.transcriptions.create(
            model=model, file=CLIP, language="de", extra_body=options
        )

    assert marks(*(transcribe("speech", temperatures=0) for _ in range(2))) == ["miss", "hit"]
    assert marks(*(transcribe("greedy") for _ in range(2))) == ["miss", "hit"]
    assert marks(*(transcribe("speech", temperature=0) for _ in range(2))) == [None, None]
    assert marks(transcribe("greedy", temperature=0.4)) == [None]


def test_many_recordings(cached: LiveServer) -> None:
    """A list is kept if all its recordings are answered; one with an error is computed again."""
    clip = base64.b64encode(CLIP.read_bytes()).decode()
    whole, partly = ({"model": "greedy", "files": [clip, other]} for other in (clip, "%"))
    path = "/audio/transcriptions"

    assert marks(*(post(cached, path, whole) for _ in range(2))) == ["miss", "hit"]
    assert marks(*(post(cached, path, partly) for _ in range(2))) == ["miss", "miss"]


def test_embeddings(client: Any) -> None:
    """An embedding has only one value."""
    answers = [client.embeddings.create(model="vectors", input="a") for _ in range(2)]

    assert marks(*answers) == ["miss", "hit"]


def test_other_keys(cached: LiveServer) -> None:
    """Keys that may use a model share its answers; another key learns nothing of them."""
    shared = {"model": "echo", "prompt": "shared", "temperature": 0}
    hidden = {"model": "toy-chat", "prompt": "hidden", "temperature": 0, "max_tokens": 1}
    post(cached, "/completions", shared)
    post(cached, "/completions", hidden)

    answers = [
        post(cached, "/completions", shared, OTHER_KEY),
        post(cached, "/completions", hidden, OTHER_KEY),
        post(cached, "/completions", hidden, "sk-wrong"),
    ]

    assert marks(*answers) == ["hit", None, None]
    assert [answer.status_code for answer in answers] == [200, 404, 401]


def test_a_large_body(cached: LiveServer) -> None:
    """A body that is decoded in another process is looked up too."""
    body = {"model": "echo", "prompt": "a" * 200_000, "temperature": 0}

    answers = [post(cached, "/completions", body) for _ in range(2)]

    assert marks(*answers) == ["miss", "hit"]
    assert answers[0].content == answers[1].content


def test_failures(cached: LiveServer) -> None:
    """A stream that fails is computed again, and then kept."""
    body = {"model": "dies", "prompt": "a b c d", "temperature": 0, "stream": True}

    answers = [post(cached, "/completions", body) for _ in range(3)]

    assert ["error" in answer.text for answer in answers] == [True, False, False]
    assert marks(*answers) == ["miss", "miss", "hit"]


@pytest.mark.slow
def test_another_server(keeping: Keeping, tmp_path: Path) -> None:
    """Another server on the same folder has its answers; of a changed model it has none."""
    body = {"model": "echo", "prompt": "both", "temperature": 0}
    cache = ["--cache", str(keeping.cache)]
    post(keeping.server, "/completions", body)
    changed = tmp_path / "changed.toml"
    changed.write_text(KEEPING.replace('id = "echo"', 'id = "echo"\nmax_running = 3'))

    with serving("--model", "echo=fake:chat", *cache) as server:
        same = post(server, "/completions", body)
    with serving("--config", str(changed), *cache) as server:
        other = post(server, "/completions", body)

    assert marks(same, other) == ["hit", "miss"]


def test_counts(cached: LiveServer) -> None:
    """The metrics count what was looked up."""
    headers = {"authorization": f"Bearer {KEY}"}

    text = httpx.get(f"{cached.url}/metrics", headers=headers).text

    found = dict(re.findall(r'(?m)^shim_answer_cache_total{result="(\w+)"} ([\d.]+)', text))
    assert found.keys() == {"hit", "miss"}


def post(server: LiveServer, path: str, body: dict[str, Any], key: str = KEY) -> httpx.Response:
    """Return the answer to *body*."""
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{server.base_url}{path}", json=body, headers=headers, timeout=60)
