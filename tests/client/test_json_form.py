"""Recordings within JSON, as lmms-eval's `whisper_tt` sends them, all of a data set at once."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.client.recordings import float_wav, speech, tone
from tests.live import CLIPS, KEY, LiveServer

SAID = {
    CLIPS / "en-01-espeak-en-us-f4.flac": "turn on the kitchen fan",
    CLIPS / "en-04-flite-rms.flac": "turn off the bedroom lamp",
    CLIPS / "de-38-espeak-de-gustave.flac": "sieben null neun acht",
}

SILENT = float_wav(np.zeros_like(tone(1)))

# What the harness sets: a base URL without `/v1`, these two headers, and nothing else.
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


@cache
def payload(clip: Path) -> bytes:
    """Return the body that the harness sends for *clip*, to the byte."""
    return around(float_wav(speech(clip)))


def around(recording: bytes) -> bytes:
    """Return the body that the harness sends for a *recording*."""
    file = base64.b64encode(recording)
    return b'{"file": "%b", "stream": false}' % file


@pytest.fixture
async def harness(server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Connect to the built-in models over a hundred connections, as the harness does."""
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=250) as http:
        yield http


async def transcribed(harness: httpx.AsyncClient, body: bytes) -> httpx.Response:
    """Send one body."""
    return await harness.post("/audio/transcriptions", content=body, headers=HEADERS)


@pytest.mark.parametrize("times", [4, pytest.param(13, marks=pytest.mark.slow)])
async def test_a_data_set_at_once(harness: httpx.AsyncClient, times: int) -> None:
    """Many at once are all answered with their text; the same request has the same bytes."""
    clips = [clip for clip in SAID for _ in range(times)]

    answers = await asyncio.gather(*(transcribed(harness, payload(clip)) for clip in clips))

    assert [answer.status_code for answer in answers] == [200] * len(clips)
    assert [answer.json()["text"] for answer in answers] == [SAID[clip] for clip in clips]
    assert len({answer.content for answer in answers}) == len(SAID)


async def test_silence(harness: httpx.AsyncClient, builtin_http: httpx.AsyncClient) -> None:
    """A text of nothing is a space here, which the harness does not take for a missing one."""
    within = await transcribed(harness, around(SILENT))
    form = await builtin_http.post(
        "audio/transcriptions", data={"model": "toy-speech"}, files={"file": SILENT}
    )

    assert (within.json()["text"], form.json()["text"]) == (" ", "")
    assert {**within.json(), "text": ""} == form.json()


NULLS = [
    "model",
    "language",
    "prompt",
    "temperature",
    "temperatures",
    "response_format",
    "timestamp_granularities",
    "is_preprocessing_enabled",
    "perform_diarization",
    "compression_ratio_threshold",
    "no_speech_threshold",
    "return_timestamps",
]


# ── the form, on a model of lines ─────────────────────────────────────────────


async def read(http: httpx.AsyncClient, text: str = "good morning", **fields: Any) -> Any:
    """Send a recording of *text* to the fake model for speech, which is the first there is."""
    body = {"file": base64.b64encode(text.encode()).decode(), **fields}
    return await http.post(http.base_url.join("/audio/transcriptions"), json=body)


async def test_nulls(http: httpx.AsyncClient) -> None:
    """Nulls everywhere are fields that are not set; without a model it is the first for speech."""
    answer = await read(http, stream=False, **dict.fromkeys(NULLS))

    assert answer.json() == (await read(http)).json()
    assert answer.json()["text"] == "good morning"


@pytest.mark.parametrize("path", ["/audio/", "/v1/audio/"])
@pytest.mark.parametrize("task", ["transcriptions", "translations"])
async def test_paths(http: httpx.AsyncClient, path: str, task: str) -> None:
    """Both endpoints take the form, with and without `/v1`."""
    body = {"file": base64.b64encode(b"good morning").decode(), "model": "lines"}

    answer = await http.post(http.base_url.join(path + task), json=body)

    assert answer.json()["text"] == "good morning"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"response_format": "text"}, "good morning\n"),
        ({"response_format": "vtt"}, "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\ngood morning\n\n"),
    ],
)
async def test_formats(http: httpx.AsyncClient, fields: dict[str, Any], body: str) -> None:
    """All formats are to be had."""
    assert (await read(http, **fields)).text == body


async def test_a_stream(http: httpx.AsyncClient) -> None:
    """A stream too."""
    answer = await read(http, stream=True)

    events = answer.text.removesuffix("\n\n").split("\n\n")
    *data, end = [event.removeprefix("data: ") for event in events]
    assert [json.loads(event)["type"] for event in data] == [
        "transcript.text.delta",
        "transcript.text.done",
    ]
    assert end == "[DONE]"


async def test_options(http: httpx.AsyncClient) -> None:
    """Options are JSON's own values, or strings as in a form."""
    fields = {"response_format": "verbose_json", "language": "German"}

    plain = await read(http, **fields, temperature=0.5)
    quoted = await read(http, **fields, engine={"temperatures": "0.5"}, stream="false")

    assert plain.json() == quoted.json()
    assert plain.json()["language"] == "german"
    assert plain.json()["segments"][0]["temperature"] == 0.5


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"file": None}, 400, "file"),
        ({"file": 1}, 400, "file"),
        ({"file": "%%%"}, 400, "file"),
        ({"file": "data:audio/wav,abc"}, 400, "file"),
        ({"file": ""}, 400, "file"),
        ({"model": "nope"}, 404, "model"),
        ({"model": "org/echo"}, 404, "model"),
        ({"model": ["lines"]}, 400, "model"),
        ({"stream": "maybe"}, 400, "stream"),
        ({"language": "klingon"}, 400, "language"),
        ({"perform_diarization": True}, 400, "perform_diarization"),
        ({"temperatures": ["hot"]}, 400, "temperatures[0]"),
        ({"engine": []}, 400, "engine"),
    ],
    ids=str,
)
async def test_refusals(
    http: httpx.AsyncClient, fields: dict[str, Any], status: int, param: str
) -> None:
    """What is wrong is refused as in a form."""
    answer = await read(http, **fields)

    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_strictness(http: httpx.AsyncClient) -> None:
    """What nobody documents is ignored, or refused if so asked."""
    url = http.base_url.join("/audio/transcriptions")
    body = {"file": base64.b64encode(b"a").decode(), "return_timestamps": True}

    lenient = await http.post(url, json=body)
    strict = await http.post(url, json=body, headers={"x-shim-strict": "true"})

    assert (lenient.status_code, strict.status_code) == (200, 400)
    assert strict.json()["error"]["param"] == "return_timestamps"


async def test_a_key_is_asked_for(fakes: LiveServer) -> None:
    """Without `/v1` the key is asked for all the same."""
    async with httpx.AsyncClient(base_url=fakes.url) as http:
        for path in ("/audio/transcriptions", "/audio/translations"):
            assert (await http.post(path, json={"file": ""})).status_code == 401
