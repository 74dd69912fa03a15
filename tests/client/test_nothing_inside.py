"""No answer has a file or a trace of the server's machine, for any name that a client sends."""

import base64
import json
import sys
from typing import Any

import httpx
import pytest

from tests.live import BUILTIN, ROOT

FILE = str(ROOT / "pyproject.toml")
"""A file that the server could read."""

INSIDE = ("Traceback", 'File "', "site-packages", ".py", str(ROOT), str(BUILTIN), sys.prefix)
"""What answers do not have."""

CHAT = {"model": "toy-chat", "messages": [{"role": "user", "content": "a"}]}


def part(kind: str, url: str) -> dict[str, Any]:
    """Return a chat with one part of media."""
    return {"messages": [{"role": "user", "content": [{"type": kind, kind: {"url": url}}]}]}


def recording(text: bytes) -> dict[str, Any]:
    """Return a transcription of *text*, as JSON."""
    return {"model": "toy-speech", "file": base64.b64encode(text).decode()}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        # names that are looked up, not opened
        ("chat/completions", CHAT | {"model": FILE}),
        ("chat/completions", CHAT | {"model": "../" * 9 + "etc/passwd"}),
        ("chat/completions", CHAT | {"model": str(BUILTIN / "chat")}),
        ("embeddings", {"model": str(BUILTIN), "input": "a"}),
        ("../tokenize", {"model": FILE, "prompt": "a"}),
        # templates, media and recordings at paths
        ("chat/completions", CHAT | {"chat_template": FILE}),
        ("../tokenize", {"prompt": "a", "chat_template": FILE}),
        *[
            ("chat/completions", CHAT | part(kind, f"file://{FILE}"))
            for kind in ("image_url", "audio_url", "video_url")
        ],
        ("chat/completions", CHAT | {"model": "toy-speech"} | part("audio_url", f"file://{FILE}")),
        ("audio/transcriptions", {"model": "toy-speech", "file": FILE}),
        ("audio/transcriptions", {"model": "toy-speech", "file": f"file://{FILE}"}),
        ("audio/transcriptions", recording(f"#EXTM3U\n#EXTINF:1,\nfile://{FILE}\n".encode())),
        ("audio/transcriptions", recording(f"ffconcat version 1.0\nfile '{FILE}'\n".encode())),
        ("chat/completions", CHAT | {"documents": [{"path": FILE}]}),
        # what the engines themselves refuse
        ("audio/transcriptions", recording(b"RIFF" + bytes(99))),
        ("audio/transcriptions", recording(b"fLaC" + bytes(99)) | {"language": "xx"}),
        ("chat/completions", CHAT | {"logit_bias": {"9999999": 1}}),
        ("chat/completions", CHAT | {"response_format": {"type": "json_object"}}),
        ("completions", {"model": "toy-chat", "prompt": [10**9]}),
        ("completions", {"model": "toy-chat", "prompt": "a " * 9000}),
    ],
)
async def test_a_refusal(builtin_http: httpx.AsyncClient, route: str, body: Any) -> None:
    """A path in a request is a wrong name or a wrong value; no engine's refusal has a path."""
    answer = await builtin_http.post(route, json=body)

    assert answer.status_code in (400, 404)
    sent = json.dumps(body)
    assert not [text for text in INSIDE if text in answer.text and text not in sent]
    assert "[project]" not in answer.text


async def test_the_name_of_an_upload(builtin_http: httpx.AsyncClient) -> None:
    """The name of an uploaded file is a name: the recording is what was sent."""
    data = {"model": "toy-speech"}

    answer = await builtin_http.post(
        "audio/transcriptions", data=data, files={"file": (FILE, b"nothing")}
    )

    assert answer.json()["error"]["code"] == "unsupported_format"


@pytest.mark.parametrize("model", ["dead", "dies", "dead-vectors", "dead-speech", "dying-speech"])
async def test_a_failure(http: httpx.AsyncClient, model: str) -> None:
    """The answer of an engine that fails has no trace and no path."""
    route, body = "chat/completions", {"messages": [{"role": "user", "content": "a b c d"}]}
    if "vectors" in model:
        route, body = "embeddings", {"input": "a"}
    elif "speech" in model:
        route, body = "audio/transcriptions", {"file": base64.b64encode(b"a\nb\nc\nd").decode()}

    answer = await http.post(route, json={"model": model, **body})

    assert answer.status_code >= 500
    assert not [text for text in INSIDE if text in answer.text]
