"""`/metrics`: behind the key, in Prometheus's format, counting the requests of every route."""

from operator import attrgetter
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.client.stock import answered, collected, says
from tests.live import CLIPS, LiveServer

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"

TEXT = {"model": "lines", "file": ("lines.txt", b"one\ntwo")}
EVERY_ROUTE: dict[str, tuple[str, dict[str, Any], dict[str, float]]] = {
    "chat": (
        "chat.completions",
        {"model": "echo", "messages": says("one two three")},
        {"prompt_tokens_total": 3, "completion_tokens_total": 3},
    ),
    "chat-of-speech": (
        "chat.completions",
        {
            "model": "lines",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "input_audio",
                            "input_audio": {"data": "b25lCnR3bw==", "format": "wav"},
                        }
                    ],
                }
            ],
        },
        {"prompt_tokens_total": 0, "completion_tokens_total": 6, "audio_seconds_total": 2},
    ),
    "completions": (
        "completions",
        {"model": "echo", "prompt": ["one two", "three"]},
        {"requests_total": 2, "prompt_tokens_total": 3, "completion_tokens_total": 3},
    ),
    "responses": (
        "responses",
        {"model": "echo", "input": "one two"},
        {"prompt_tokens_total": 2, "completion_tokens_total": 2},
    ),
    "embeddings": (
        "embeddings",
        {"model": "vectors", "input": ["one two", "three"], "encoding_format": "float"},
        {"requests_total": 2, "prompt_tokens_total": 3, "completion_tokens_total": 0},
    ),
    "transcriptions": (
        "audio.transcriptions",
        {**TEXT, "prompt": "three words here"},
        {"prompt_tokens_total": 3, "completion_tokens_total": 6, "audio_seconds_total": 2},
    ),
    "translations": (
        "audio.translations",
        TEXT,
        {"completion_tokens_total": 6, "audio_seconds_total": 2},
    ),
}
"""Route → the client's method, a request, and by how much it raises which metrics."""


UNSTEADY = ("process_", "shim_event_loop_lag_", "shim_connections", "shim_body_bytes", "shim_http_")
"""Beginnings of names whose samples change by themselves, or by reading them."""


async def samples(
    http: httpx.AsyncClient, unsteady: tuple[str, ...] = UNSTEADY
) -> dict[tuple[str, ...], float]:
    """Return all samples: their names and their labels' values, without buckets and dates."""
    answer = await http.get(http.base_url.join("/metrics"))
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name.removeprefix("shim_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
        and not sample.name.startswith(unsteady)
    }


async def added(
    http: httpx.AsyncClient, before: dict[tuple[str, ...], float]
) -> dict[tuple[str, ...], float]:
    """Return by how much each sample has changed since *before*, where it has."""
    after = await samples(http)
    changes = {key: after[key] - before.get(key, 0) for key in after}
    return {key: change for key, change in changes.items() if change}


async def test_a_key_is_needed(server: LiveServer) -> None:
    """A client without a key cannot read the metrics."""
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("/metrics")).status_code == 401


# The stock client warns of its own method for translations.
@pytest.mark.filterwarnings("ignore:^deprecated$:DeprecationWarning")
@pytest.mark.parametrize("route", EVERY_ROUTE)
async def test_a_request_is_counted(client: Any, http: httpx.AsyncClient, route: str) -> None:
    """A request of each route adds its result, its times, its tokens and its seconds of audio."""
    path, request, expected = EVERY_ROUTE[route]
    create = attrgetter(path)(client).create
    before = await samples(http)

    await answered(create(**request))

    changes = await added(http, before)
    model = {"echo": "org/echo"}.get(request["model"], request["model"])
    route = route.removesuffix("-of-speech")
    requests = expected.get("requests_total", 1)
    assert changes["requests_total", model, route, "200"] == requests
    assert changes["request_duration_seconds_count", model, route] == requests
    assert changes["queue_seconds_count", model] == requests
    for name in ("prompt_tokens_total", "completion_tokens_total"):
        assert changes.get((name, model, route), 0) == expected.get(name, 0)
    assert changes.get(("audio_seconds_total", model), 0) == expected.get("audio_seconds_total", 0)
    transcribed = "audio_seconds_total" in expected
    assert changes.get(("real_time_factor_count", model), 0) == transcribed
    first = ("time_to_first_token_seconds_count", model, route)
    assert changes.get(first, 0) == transcribed  # of texts only streams have one


@pytest.mark.parametrize("route", ["chat", "responses"])
async def test_a_stream_is_timed(client: Any, http: httpx.AsyncClient, route: str) -> None:
    """A stream also adds the time to its first token, and the time between its tokens."""
    path, request, _ = EVERY_ROUTE[route]
    create = attrgetter(path)(client).create
    before = await samples(http)

    await collected(await answered(create(**request, stream=True)))

    changes = await added(http, before)
    assert changes["time_to_first_token_seconds_count", "org/echo", route] == 1
    assert changes["time_per_output_token_seconds_count", "org/echo", route] == 1


async def test_batches_are_counted(builtin_http: httpx.AsyncClient) -> None:
    """A transcription by faster-whisper adds the calls that it took."""
    before = await samples(builtin_http)

    await builtin_http.post(
        "audio/transcriptions", data={"model": "whisper-1"}, files={"file": CLIP.read_bytes()}
    )

    changes = await added(builtin_http, before)
    assert changes["audio_seconds_total", "toy-speech"] > 1.5
    for name in ("batch_size", "engine_wait_seconds", "engine_seconds"):
        assert sum(value for key, value in changes.items() if key[0] == f"{name}_count") >= 3


async def test_failures_are_counted(http: httpx.AsyncClient) -> None:
    """A failure counts by its status, also that of a stream that has begun with a 200."""
    before = await samples(http)

    await http.post("chat/completions", json={"model": "dead", "messages": says("one")})
    body = {"model": "dies", "messages": says("one two three"), "stream": True}
    assert (await http.post("chat/completions", json=body)).status_code == 200
    await http.post("audio/transcriptions", data={"model": "lines"}, files={"file": b"\xff"})

    changes = await added(http, before)
    assert {key: value for key, value in changes.items() if key[0] == "requests_total"} == {
        ("requests_total", "dead", "chat", "503"): 1,
        ("requests_total", "dies", "chat", "503"): 1,
        ("requests_total", "lines", "transcriptions", "400"): 1,
    }
    assert not any(key[0].endswith("_tokens_total") for key in changes)


async def test_bad_requests_are_not_counted(http: httpx.AsyncClient) -> None:
    """A request that is refused before it reaches the queue changes no metric but those of HTTP."""
    before = await samples(http)

    answer = await http.post("chat/completions", json={"model": "echo", "messages": "one"})

    assert answer.status_code == 400
    assert await samples(http) == before


async def test_requests_of_http(http: httpx.AsyncClient) -> None:
    """HTTP requests of every route are counted by its path and their status, and by their error."""
    before = await samples(http, ("process_", "shim_event"))

    await http.get("models/no/such")
    await http.get("nowhere")
    body = {"model": "dies", "messages": says("one two three"), "stream": True}
    assert (await http.post("chat/completions", json=body)).status_code == 200

    after = await samples(http, ("process_", "shim_event"))
    counted = {key: value - before.get(key, 0) for key, value in after.items()}
    for path, status, reason in (
        ("/v1/models/{model_id}", "404", "unknown_model"),
        ("other", "404", "not_found"),
        ("/v1/chat/completions", "503", "engine_dead"),
    ):
        assert counted["http_requests_total", path, status] == 1
        assert counted["http_errors_total", path, reason] == 1
        assert counted["http_request_duration_seconds_count", path] == 1
    assert after["connections",] >= 1
    assert after["body_bytes",] == 0
