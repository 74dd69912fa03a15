"""The wire to the byte, on deterministic models; `golden.py` says how to renew the files."""

import base64
from typing import Any

import httpx
import pytest

from tests.client.golden import matches_golden, rounded
from tests.client.recordings import float_wav, speech
from tests.client.stock import says
from tests.live import CLIPS

LINES = 'Good morning.\nIt\'s five past --> nine — "late".\n'.encode()


FORMATS = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "text/plain; charset=utf-8",
    "verbose_json": "application/json",
    "vtt": "text/plain; charset=utf-8",
}

LOGPROBS = {"include[]": "logprobs"}
STREAM = {"stream": "true"}


@pytest.mark.parametrize(("response_format", "media"), FORMATS.items())
async def test_transcriptions(http: httpx.AsyncClient, response_format: str, media: str) -> None:
    """Each of the five formats, and its media type."""
    form = {"model": "lines", "response_format": response_format}

    answer = await http.post("audio/transcriptions", data=form, files={"file": LINES})

    assert answer.headers["content-type"] == media
    assert matches_golden(f"transcription.{response_format}", answer.content)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("transcription.sse", STREAM),
        ("transcription-logprobs.sse", STREAM | LOGPROBS),
        ("transcription-logprobs.json", LOGPROBS),
    ],
)
async def test_transcriptions_in_pieces(
    http: httpx.AsyncClient, name: str, form: dict[str, str]
) -> None:
    """Streams of several segments, and log probabilities in both places."""
    fields = {"model": "lines", "prompt": "two words", **form}

    answer = await http.post("audio/transcriptions", data=fields, files={"file": LINES})

    assert matches_golden(name, answer.content)


# ── what was really said ──────────────────────────────────────────────────────

SPOKEN = {"en": CLIPS / "en-04-flite-rms.flac", "de": CLIPS / "de-37-espeak-de-antonio.flac"}

REAL = {
    **{f".{name}": {"response_format": name} for name in FORMATS},
    "-words.verbose_json": {
        "response_format": "verbose_json",
        "timestamp_granularities[]": ["word", "segment"],
    },
    "-logprobs.json": LOGPROBS,
    ".sse": STREAM,
    "-logprobs.sse": STREAM | LOGPROBS,
}


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize(("suffix", "form"), REAL.items(), ids=REAL)
async def test_speech(
    exact_http: httpx.AsyncClient, language: str, suffix: str, form: dict[str, Any]
) -> None:
    """All formats and streams of recordings in two languages."""
    fields = {"model": "toy-speech", **form}
    files = {"file": SPOKEN[language].read_bytes()}

    answer = await exact_http.post("audio/transcriptions", data=fields, files=files)

    assert matches_golden(f"speech-{language}{suffix}", rounded(answer.content))


@pytest.mark.parametrize("language", SPOKEN)
async def test_translations(exact_http: httpx.AsyncClient, language: str) -> None:
    """A translation is told like a transcription."""
    fields = {"model": "toy-speech", "response_format": "verbose_json"}
    files = {"file": SPOKEN[language].read_bytes()}

    answer = await exact_http.post("audio/translations", data=fields, files=files)

    assert matches_golden(f"speech-{language}-translated.json", rounded(answer.content))


@pytest.mark.parametrize("language", SPOKEN)
async def test_speech_within_json(exact_http: httpx.AsyncClient, language: str) -> None:
    """A recording in base64 is answered like one in a form."""
    recording = base64.b64encode(float_wav(speech(SPOKEN[language])))
    body = {"file": recording.decode(), "stream": False}

    answer = await exact_http.post(exact_http.base_url.join("/audio/transcriptions"), json=body)

    assert matches_golden(f"speech-{language}-base64.json", rounded(answer.content))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("chat.json", {}),
        ("chat.sse", {"stream": True}),
        ("chat-usage.sse", {"stream": True, "stream_options": {"include_usage": True}}),
        ("chat-several.sse", {"stream": True, "n": 2, "max_tokens": 1}),
        ("chat-dies.sse", {"stream": True, "model": "dies"}),
        ("chat-unknown-model.json", {"model": "nope"}),
    ],
)
async def test_chat(http: httpx.AsyncClient, name: str, options: dict[str, Any]) -> None:
    """Whole answers, streams and errors."""
    body = {"model": "org/echo", "messages": says('Say "hé" — twice'), **options}

    answer = await http.post("chat/completions", json=body)

    assert matches_golden(name, answer.content)


async def test_the_list_of_models(http: httpx.AsyncClient) -> None:
    """Every name is listed, aliases included."""
    answer = await http.get("models")

    assert matches_golden("models.json", answer.content)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("response.json", {}),
        ("response.sse", {"stream": True}),
        ("response-dies.sse", {"stream": True, "model": "dies"}),
    ],
)
async def test_responses(http: httpx.AsyncClient, name: str, options: dict[str, Any]) -> None:
    """Responses, whole and streamed, to their end and not."""
    body = {"model": "org/echo", "input": "one two three", **options}

    answer = await http.post("responses", json=body)

    assert matches_golden(name, answer.content)
