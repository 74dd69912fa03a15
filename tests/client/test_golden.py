"""The wire to the byte, on deterministic models; `golden.py` says how to renew the files."""

from typing import Any

import httpx
import pytest

from tests.client.golden import matches_golden
from tests.client.stock import says

LINES = 'Good morning.\nIt\'s five past --> nine — "late".\n'.encode()


@pytest.mark.parametrize(
    ("response_format", "media"),
    [
        ("json", "application/json"),
        ("text", "text/plain; charset=utf-8"),
        ("srt", "text/plain; charset=utf-8"),
        ("verbose_json", "application/json"),
        ("vtt", "text/plain; charset=utf-8"),
    ],
)
async def test_transcriptions(http: httpx.AsyncClient, response_format: str, media: str) -> None:
    """Each of the five formats, and its media type."""
    form = {"model": "lines", "response_format": response_format}

    answer = await http.post("audio/transcriptions", data=form, files={"file": LINES})

    assert answer.headers["content-type"] == media
    assert matches_golden(f"transcription.{response_format}", answer.content)


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
