"""Fields that faster-whisper, vLLM and LocalAI document: honoured, or refused by name."""

import base64
import re
from typing import Any

import httpx
import pytest
from faster_whisper import WhisperModel

from tests.live import BUILTIN, CLIPS
from tests.reference import decode_audio

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"
GERMAN = CLIPS / "de-38-espeak-de-gustave.flac"
SAID = "turn on the kitchen fan"
MEANT = "seven zero nine eight"
ROUTES = ("transcriptions", "translations")
FORMS = ("form", "json")


async def asked(
    http: httpx.AsyncClient,
    fields: dict[str, Any],
    *,
    form: str = "form",
    route: str = "transcriptions",
    clip: Any = CLIP,
) -> httpx.Response:
    """Send *clip* with *fields*, as a form or as JSON."""
    url = f"audio/{route}"
    model = {"model": "toy-speech"}
    if form == "form":
        return await http.post(url, data={**model, **fields}, files={"file": clip.read_bytes()})
    engine = {name[7:-1]: fields[name] for name in fields if name.startswith("engine[")}
    plain = {name: value for name, value in fields.items() if not name.startswith("engine[")}
    file = base64.b64encode(clip.read_bytes()).decode()
    return await http.post(url, json={**model, **plain, "engine": engine, "file": file})


HARMLESS: list[dict[str, Any]] = [
    {"word_timestamps": "true"},
    {"word_timestamps": "false"},
    {"task": "transcribe"},
    {"translate": "false"},
    {"translate": "0"},
    {"diarize": "false"},
    {"diarize": "False"},
    {"diarize": "0"},
    {"num_speakers": "0"},
    {"top_p": "1.0"},
    {"top_k": "0"},
    {"min_p": "0"},
    {"n": "1"},
    {"frequency_penalty": "0.0", "presence_penalty": "0"},
    {"repetition_penalty": "1.0"},
    {"use_beam_search": "false"},
    {"include_stop_str_in_output": "false"},
    {"stream_include_usage": "true"},
    {"stream_continuous_usage_stats": "false"},
    {"seed": "7", "temperatures": "0"},
    {"top_p": "0.5", "top_k": "4", "temperatures": "0"},
    {"max_completion_tokens": "200"},
    {"max_completion_tokens": "100000"},
    {"log_progress": "true", "batch_size": "4"},
    {"engine[log_progress]": "true"},
    {"engine[word_timestamps]": "true"},
    {"engine[temperature]": "0"},
    {"engine[task]": "transcribe"},
    {"language": "en", "to_language": "en"},
    {"nobody": "documents this"},
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fields", HARMLESS, ids=str)
async def test_honoured(builtin_http: httpx.AsyncClient, fields: dict[str, Any], form: str) -> None:
    """What is honoured does no harm to a clear recording; defaults ask for nothing."""
    answer = await asked(builtin_http, fields, form=form)

    assert answer.status_code == 200, answer.text
    assert answer.json()["text"] == SAID


REFUSED = [
    ("diarize", "true"),
    ("diarize", "1"),
    ("perform_diarization", "true"),
    ("min_speakers", "2"),
    ("known_speaker_names[]", "Ann"),
    ("seed", "1"),
    ("seed", "0"),
    ("top_p", "0.9"),
    ("top_k", "40"),
    ("min_p", "0.1"),
    ("n", "2"),
    ("frequency_penalty", "0.5"),
    ("presence_penalty", "0.5"),
    ("use_beam_search", "true"),
    ("include_stop_str_in_output", "true"),
    ("to_language", "de"),
    ("vllm_xargs[a]", "1"),
    ("watermarking", "true"),
    ("stream_continuous_usage_stats", "true"),
    ("response_format", "diarized_json"),
    ("audio", "xyz"),
]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("name", "value"), REFUSED)
async def test_refused(builtin_http: httpx.AsyncClient, name: str, value: str, route: str) -> None:
    """What would change the text and cannot be done is a 400 that names it."""
    answer = await asked(builtin_http, {name: value}, route=route)

    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    field = name.partition("[")[0]
    assert (error["param"], error["code"]) == (field, "unsupported_parameter")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"task": "translate", "translate": "false"}, "translate"),
        ({"task": "transcribe", "translate": "true"}, "translate"),
        ({"task": "sing"}, "task"),
        ({"prompt": "a", "initial_prompt": "b"}, "initial_prompt"),
        ({"word_timestamps": "maybe"}, "word_timestamps"),
        ({"max_completion_tokens": "0"}, "max_completion_tokens"),
        ({"max_completion_tokens": "5", "max_new_tokens": "6"}, "max_new_tokens"),
        ({"task": "transcribe", "engine[task]": "translate"}, "task"),
        ({"engine[seed]": "1"}, "engine[seed]"),
    ],
)
async def test_invalid(builtin_http: httpx.AsyncClient, fields: dict[str, str], param: str) -> None:
    """Names that contradict each other, and values that are none, are refused."""
    answer = await asked(builtin_http, fields)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "fields",
    [{"task": "transcribe"}, {"translate": "false"}, {"engine[task]": "transcribe"}],
    ids=str,
)
async def test_the_route_that_translates(
    builtin_http: httpx.AsyncClient, fields: dict[str, str]
) -> None:
    """The route of translations does not transcribe, and says so."""
    answer = await asked(builtin_http, fields, route="translations")

    assert answer.status_code == 400
    assert "/v1/audio/transcriptions" in answer.json()["error"]["message"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "fields",
    [
        {"task": "translate"},
        {"translate": "true"},
        {"engine[task]": "translate"},
        {"task": "translate", "to_language": "English"},
    ],
    ids=str,
)
async def test_translating(
    builtin_http: httpx.AsyncClient, fields: dict[str, str], form: str
) -> None:
    """To translate can be asked for on the route of transcriptions."""
    answer = await asked(
        builtin_http, {**fields, "response_format": "verbose_json"}, form=form, clip=GERMAN
    )

    said = answer.json()
    assert (said["text"], said["task"], said["language"]) == (MEANT, "translate", "english")


@pytest.mark.parametrize(
    "fields",
    [
        {"word_timestamps": "true"},
        {"engine[word_timestamps]": "true"},
        {"word_timestamps": "true", "timestamp_granularities[]": "segment"},
    ],
    ids=str,
)
async def test_words(builtin_http: httpx.AsyncClient, fields: dict[str, str]) -> None:
    """faster-whisper's name for words' times tells them beside the segments."""
    answer = await asked(builtin_http, {**fields, "response_format": "verbose_json"})

    said = answer.json()
    assert [word["word"] for word in said["words"]] == SAID.split()
    assert len(said["segments"]) == 1


async def test_initial_prompt(builtin_http: httpx.AsyncClient) -> None:
    """faster-whisper's name for the prompt is the prompt: the model reads it."""
    counts = []
    for name in ("prompt", "initial_prompt", "engine[initial_prompt]"):
        answer = await asked(builtin_http, {name: "kitchen", "stream": "true"})
        counts += re.findall('"text_tokens":([0-9]+)', answer.text)

    assert len(counts) == 3
    assert set(counts) == {counts[0]} != {"0"}


@pytest.mark.parametrize("limit", [1, 3])
async def test_as_in_process(builtin_http: httpx.AsyncClient, limit: int) -> None:
    """VLLM's limit of tokens is faster-whisper's: the text is what that gives."""
    segments, _ = WhisperModel(str(BUILTIN / "speech"), compute_type="int8").transcribe(
        decode_audio(str(CLIP)), max_new_tokens=limit
    )
    cut = "".join(segment.text for segment in segments).strip()

    answer = await asked(builtin_http, {"max_completion_tokens": str(limit)})

    assert answer.json()["text"] == cut != SAID
