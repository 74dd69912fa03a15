"""Chats and responses for a speech model: what reaches it, and what is refused."""

from typing import Any

import msgspec
import pytest

from backends.base import Job
from shim.api.chat.protocol import ChatRequest
from shim.api.chat.speech import to_speech_request as chat_to_speech_request
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.speech import to_speech_request as responses_to_speech_request
from shim.api.speech.answer import SpeechRequest
from shim.api.speech.unsupported import _HARMLESS, IGNORED
from shim.errors import ApiError, InvalidParameter, UnsupportedParameter
from shim.http.json_decoding import Rules, decoded
from shim.limits import Limits

RULES = Rules(limits=Limits())
URL = "data:audio/wav;base64,AAAA"
PART = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
ITEM = {"type": "input_audio", "audio_url": URL}


def said(*parts: Any, role: str = "user") -> dict[str, Any]:
    """Return a message."""
    return {"role": role, "content": list(parts)}


def chat(*messages: Any, **fields: Any) -> SpeechRequest:
    """Return a chat as it reaches a speech model."""
    body = {"messages": messages or (said(PART),), **fields}
    return chat_to_speech_request(decoded(msgspec.json.encode(body), ChatRequest, RULES))


def response(*items: Any, **fields: Any) -> SpeechRequest:
    """Return a request for a response as it reaches a speech model."""
    body = {"input": items or (said(ITEM),), **fields}
    return responses_to_speech_request(decoded(msgspec.json.encode(body), ResponsesRequest, RULES))


ROUTES = pytest.mark.parametrize("route", [chat, response])

TEXT = {"type": "text", "text": "Write down what you hear."}
INPUT_TEXT = {"type": "input_text", "text": "Write down what you hear."}


@pytest.mark.parametrize(
    ("part", "place", "text"),
    [
        (PART, "input_audio.data", "AAAA"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA"}}, "input_audio.data", "AAAA"),
        ({"type": "audio_url", "audio_url": {"url": URL}}, "audio_url.url", URL),
        ({"type": "audio_url", "audio_url": URL}, "audio_url", URL),
    ],
)
def test_where_a_chat_holds_its_recording(part: Any, place: str, text: str) -> None:
    """A recording is read from every place that chats use; texts are ignored."""
    request = chat(
        said(TEXT, role="system"),
        {"role": "user", "content": "What do you hear?"},
        {"role": "assistant", "content": None},
        said(TEXT, part),
    )

    assert request.recording == (f"messages[3].content[1].{place}", text)
    assert request.job == Job()


@pytest.mark.parametrize(
    ("part", "place", "text"),
    [
        (ITEM, "audio_url", URL),
        ({"type": "input_audio", "audio_url": {"url": URL}}, "audio_url.url", URL),
        (PART, "input_audio.data", "AAAA"),
        ({"type": "input_file", "file_data": URL}, "file_data", URL),
    ],
)
def test_where_a_response_holds_its_recording(part: Any, place: str, text: str) -> None:
    """A recording is read from every place that responses use."""
    request = response(
        said(INPUT_TEXT, role="developer"), said(INPUT_TEXT, part), instructions="Listen."
    )

    assert request.recording == (f"input[1].content[1].{place}", text)
    assert request.job == Job()


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([said(TEXT)], "messages"),
        ([{"role": "user", "content": "hi"}], "messages"),
        ([said(PART, TEXT, PART)], "messages[0].content[2].input_audio.data"),
        ([said(PART), said(PART)], "messages[1].content[0].input_audio.data"),
        (
            [said(PART), said(TEXT, role="assistant"), said(PART)],
            "messages[2].content[0].input_audio.data",
        ),
        ([said(PART, role="system"), said(TEXT)], "messages[0].content[0].input_audio.data"),
        ([said(PART), said(TEXT, role="assistant"), said(TEXT)], "messages[1]"),
        (
            [said({"type": "audio_url", "audio_url": {"url": "https://a/b.wav"}})],
            "messages[0].content[0].audio_url.url",
        ),
        (
            [said({"type": "audio_url", "audio_url": "file:///etc/passwd"})],
            "messages[0].content[0].audio_url",
        ),
        ([said(PART, {"type": "image_url", "image_url": URL})], "messages[0].content[1]"),
    ],
)
def test_chats_without_their_recording(messages: list[Any], param: str) -> None:
    """No recording, several, one in the wrong message, or a film is refused by its place."""
    with pytest.raises(ApiError) as error:
        chat(*messages)

    assert error.value.param == param


@pytest.mark.parametrize(
    ("items", "param"),
    [
        ([said(INPUT_TEXT)], "input"),
        ([said(ITEM, PART)], "input[0].content[1].input_audio.data"),
        ([said({**ITEM, **PART})], "input[0].content[0]"),
        ([said({"type": "input_audio"})], "input[0].content[0]"),
        ([said({**ITEM, "audio_url": "http://a/b"})], "input[0].content[0].audio_url"),
        ([said({"type": "input_image", "image_url": URL}, ITEM)], "input[0].content[0]"),
        (
            [{"type": "function_call_output", "call_id": "1", "output": [ITEM]}],
            "input[0].output[0].audio_url",
        ),
        ([said(ITEM), {"type": "reasoning", "summary": []}], "input[1]"),
    ],
)
def test_responses_without_their_recording(items: list[Any], param: str) -> None:
    """Responses without one recording in the last user's message are refused by its place."""
    with pytest.raises(ApiError) as error:
        response(*items)

    assert error.value.param == param


def test_a_response_of_a_text() -> None:
    """An input that is a text has no recording."""
    with pytest.raises(InvalidParameter) as error:
        responses_to_speech_request(msgspec.convert({"input": "hi"}, ResponsesRequest))

    assert error.value.param == "input"


@ROUTES
def test_options(route: Any) -> None:
    """`transcription` has the names of a transcription's form, engine options included."""
    options = {"language": "German", "prompt": "Hm", "beam_size": 2, "keywords": ["Uhr", "Zug"]}

    request = route(transcription={**options, "engine": {"vad_filter": True}})

    engine = {"beam_size": 2, "vad_filter": True, "hotwords": "Uhr, Zug"}
    assert request.job == Job(language="de", prompt="Hm", options=engine)


@ROUTES
@pytest.mark.parametrize(
    ("fields", "temperatures"),
    [
        ({"temperature": 0}, None),
        ({"temperature": 0.5}, (0.5,)),
        ({"temperature": 1.5}, (1.5,)),
        ({"temperature": 0.5, "transcription": {"temperature": 0}}, None),
        ({"temperature": 0, "transcription": {"temperatures": [0]}}, (0.0,)),
    ],
)
def test_temperature(route: Any, fields: dict[str, Any], temperatures: Any) -> None:
    """A temperature is used alone, 0 means Whisper's own list, `transcription` overrides it."""
    assert route(**fields).job.options.get("temperatures") == temperatures


@ROUTES
@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"beam_sise": 1}, "beam_sise"),
        ({"beam_size": 99}, "beam_size"),
        ({"file": "AAAA"}, "file"),
        ({"model": "m"}, "model"),
        ({"stream": True}, "stream"),
        ({"response_format": "srt"}, "response_format"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"include": ["logprobs"]}, "include"),
        ({"perform_diarization": True}, "perform_diarization"),
        ({"temperature": 2}, "temperature"),
    ],
)
def test_options_that_are_not(route: Any, options: dict[str, Any], param: str) -> None:
    """Options in `transcription` that cannot be honoured are refused by their path."""
    with pytest.raises(ApiError) as error:
        route(transcription=options)

    assert error.value.param == f"transcription.{param}"
    assert f"transcription.{param}" in str(error.value) or param == "perform_diarization"


AS_SENT: dict[str, Any] = {
    "temperature": 0,
    "top_p": 0.95,
    "top_k": 1,
    "seed": 1234,
    "n": 1,
    "stop": [],
    "logprobs": False,
    "presence_penalty": 0.0,
    "frequency_penalty": 0,
    "repetition_penalty": 1.0,
    "logit_bias": {},
    "tools": [],
    "tool_choice": "none",
    "reasoning_effort": "low",
    "response_format": {"type": "text"},
    "chat_template_kwargs": {"enable_thinking": False},
}


def test_what_harnesses_send() -> None:
    """Parameters that change no transcription are accepted."""
    request = chat(max_tokens=16, max_completion_tokens=4096, modalities=["text"], **AS_SENT)

    assert request.job == Job()
    assert response(max_output_tokens=16, store=False, reasoning={"effort": "low"}).job == Job()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("stop", ["\n"]),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("presence_penalty", 1),
        ("repetition_penalty", 1.1),
        ("logit_bias", {"5": 1}),
        ("tools", [{"function": {"name": "f"}}]),
        ("tool_choice", "required"),
        ("functions", [{}]),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("verbosity", "low"),
        ("web_search_options", {}),
        ("echo", True),
        ("structured_outputs", {"regex": "a"}),
        ("min_tokens", 5),
        ("prompt_logprobs", 0),
        ("documents", [{"a": "b"}]),
    ],
)
def test_what_would_change_a_chat(name: str, value: Any) -> None:
    """Parameters of a chat that would change the answer are refused by name."""
    with pytest.raises(UnsupportedParameter) as error:
        chat(**{name: value})

    assert error.value.param == name


@pytest.mark.parametrize(
    ("name", "value", "param"),
    [
        ("text", {"format": {"type": "json_object"}}, "text.format"),
        ("text", {"verbosity": "low"}, "text.verbosity"),
        ("include", ["message.output_text.logprobs"], "include"),
        ("top_logprobs", 1, "top_logprobs"),
        ("tools", [{"name": "f"}], "tools"),
        ("previous_response_id", "resp_1", "previous_response_id"),
        ("background", True, "background"),
        ("truncation", "auto", "truncation"),
    ],
)
def test_what_would_change_a_response(name: str, value: Any, param: str) -> None:
    """Parameters of a response that would change the answer are refused by name."""
    with pytest.raises(UnsupportedParameter) as error:
        response(**{name: value})

    assert error.value.param == param


@ROUTES
@pytest.mark.parametrize("name", ["seed", "top_k", "min_p"])
def test_how_tokens_are_drawn(route: Any, name: str) -> None:
    """Parameters of random drawing are refused above temperature 0 only."""
    assert route(**{name: 1}).job == Job()

    with pytest.raises(UnsupportedParameter) as error:
        route(temperature=0.5, **{name: 1})

    assert error.value.param == name


def test_reasons() -> None:
    """Every ignored parameter has a reason."""
    assert all(IGNORED.values())


def test_names_are_those_of_fields() -> None:
    """Every listed name is a field of a request."""
    fields = {*ChatRequest.__struct_fields__, *ResponsesRequest.__struct_fields__}

    assert IGNORED.keys() | _HARMLESS.keys() <= fields
