"""Structured fields of a form as JSON text, as clients in other languages send them."""

from typing import Any

import httpx
import pytest

from tests.live import CLIPS

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"

VAD = {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.5"}

SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"chunking_strategy": '{"type":"server_vad","threshold":0.5}'}, VAD),
    ({"keywords": '["kitchen","fan"]'}, {"keywords[]": ["kitchen", "fan"]}),
    ({"languages": '["en", "de"]'}, {"languages[]": ["en", "de"]}),
    ({"include": '["logprobs"]'}, {"include[]": "logprobs"}),
    ({"temperatures": "[0, 0.2]"}, {"temperatures[]": ["0", "0.2"]}),
    ({"suppress_tokens": "[-1]"}, {"suppress_tokens[]": "-1"}),
    (
        {"vad_filter": "true", "vad_parameters": '{"threshold":0.5}'},
        {"vad_filter": "true", "vad_parameters[threshold]": "0.5"},
    ),
    ({"engine": '{"beam_size":2}'}, {"engine[beam_size]": "2"}),
    (
        {"timestamp_granularities": '["word"]', "response_format": "verbose_json"},
        {"timestamp_granularities[]": "word", "response_format": "verbose_json"},
    ),
]


async def posted(
    http: httpx.AsyncClient, task: str, form: dict[str, Any], strict: str
) -> httpx.Response:
    """Send *form* with a clip to the built-in model for speech."""
    return await http.post(
        f"audio/{task}",
        data={"model": "toy-speech", **form},
        files={"file": CLIP.read_bytes()},
        headers={"x-shim-strict": strict},
    )


@pytest.mark.parametrize(("text", "brackets"), SAME, ids=str)
async def test_as_brackets(
    builtin_http: httpx.AsyncClient, text: dict[str, Any], brackets: dict[str, Any]
) -> None:
    """The engine is given the same options, on both routes, strictly too; the answer is equal."""
    for task, strict in (("transcriptions", "true"), ("translations", "false")):
        one = await posted(builtin_http, task, text, strict)
        other = await posted(builtin_http, task, brackets, strict)

        assert (one.status_code, other.status_code) == (200, 200)
        assert one.headers["x-shim-manifest"] == other.headers["x-shim-manifest"]
        assert one.content == other.content


async def test_keywords_are_words(builtin_http: httpx.AsyncClient) -> None:
    """What the engine is given are the keywords, without the brackets and marks of their text."""
    answer = await posted(
        builtin_http, "transcriptions", {"keywords": '["kitchen","fan"]'}, "false"
    )
    manifest = answer.headers["x-shim-manifest"]

    made = await builtin_http.get(f"models/toy-speech/manifest/{manifest}")

    assert '"hotwords":"kitchen, fan"' in made.text


async def test_a_prompt_that_begins_with_a_bracket(builtin_http: httpx.AsyncClient) -> None:
    """A text field is taken as it is."""
    answer = await posted(builtin_http, "transcriptions", {"prompt": "[laughter] Well,"}, "true")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"chunking_strategy": '{"type":"server_vad"'}, "chunking_strategy"),
        ({"timestamp_granularities": "['word']"}, "timestamp_granularities"),
        ({"keywords": '["kitchen"'}, "keywords"),
        ({"engine": '{"beams":2}'}, "engine[beams]"),
    ],
    ids=str,
)
async def test_refused(builtin_http: httpx.AsyncClient, form: dict[str, Any], param: str) -> None:
    """What is not JSON though it begins so is refused by the field's name."""
    for task in ("transcriptions", "translations"):
        answer = await posted(builtin_http, task, form, "false")

        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param
