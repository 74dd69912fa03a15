"""A speech model asked through chats and responses: it answers with the transcription."""

import base64
import json
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from tests.client.recordings import CONTAINERS, encoded, float_wav, speech, tone
from tests.client.slots import reaches
from tests.client.stock import answered, collected
from tests.live import CLIPS

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"
SAID = "turn on the kitchen fan"
GERMAN = CLIPS / "de-38-espeak-de-gustave.flac"

# What lmms-eval's `gpt4o_audio` sends beside the recording.
AS_SENT: dict[str, Any] = {
    "max_tokens": 4096,
    "temperature": 0,
    "top_p": 0.95,
    "modalities": ["text"],
}
TASK = {"type": "text", "text": "Please write exactly what you hear, in German."}


def text_of(recording: bytes) -> str:
    """Return *recording* in base64."""
    return base64.b64encode(recording).decode()


def part(recording: bytes, form: str = "wav") -> dict[str, Any]:
    """Return a part of a chat's message."""
    return {"type": "input_audio", "input_audio": {"data": text_of(recording), "format": form}}


def chat(*parts: Any, **fields: Any) -> dict[str, Any]:
    """Return a request for a chat of one message."""
    messages = [{"role": "user", "content": list(parts)}]
    return {"model": "toy-speech", "messages": messages, **fields}


def response(recording: bytes, **fields: Any) -> dict[str, Any]:
    """Return a request for a response to a recording."""
    content = [
        {"type": "input_text", "text": "Please write exactly what you hear."},
        {"type": "input_audio", "audio_url": f"data:audio/flac;base64,{text_of(recording)}"},
    ]
    return {"model": "toy-speech", "input": [{"role": "user", "content": content}], **fields}


async def test_a_chat(builtin: Any) -> None:
    """The answer is what is said, with the tokens that Whisper read and wrote."""
    body = chat(part(CLIP.read_bytes()), TASK, **AS_SENT)

    answer = await answered(builtin.chat.completions.create(**body))

    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == (SAID, "stop")
    assert answer.usage.prompt_tokens == answer.usage.prompt_tokens_details.audio_tokens == 82
    assert answer.usage.completion_tokens > len(SAID.split())
    assert answer.model == "toy-speech"


async def test_a_streamed_chat(builtin: Any) -> None:
    """A stream brings the same text, and the usage where it is asked for."""
    body = chat(part(CLIP.read_bytes()), TASK, **AS_SENT)
    whole = await answered(builtin.chat.completions.create(**body))

    more = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = await collected(await answered(builtin.chat.completions.create(**body, **more)))

    *chunks, last = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == SAID
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage == whole.usage


async def test_a_response(builtin: Any) -> None:
    """So it is with responses."""
    answer = await answered(builtin.responses.create(**response(CLIP.read_bytes())))

    assert (answer.output_text, answer.status) == (SAID, "completed")
    assert answer.usage.input_tokens == 82


async def test_a_streamed_response(builtin: Any) -> None:
    """And their streams."""
    body = response(CLIP.read_bytes(), stream=True, max_output_tokens=16)

    events = await collected(await answered(builtin.responses.create(**body)))

    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == SAID
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == SAID


async def text_by(http: httpx.AsyncClient, route: str, body: dict[str, Any]) -> str:
    """Return the text that a route answers."""
    answer = await http.post(route, json=body)
    found = answer.raise_for_status().json()
    if route == "responses":
        return str(found["output"][0]["content"][0]["text"])
    return str(found["choices"][0]["message"]["content"])


RECORDINGS = {
    **{name: lambda name=name: encoded(speech(GERMAN), name) for name in CONTAINERS},
    "silence": lambda: float_wav(0 * tone(1)),
    "hum": lambda: float_wav(tone(2)),
}


@pytest.mark.parametrize("name", RECORDINGS)
async def test_the_same_text(builtin_http: httpx.AsyncClient, name: str) -> None:
    """In every container the text is that of a transcription, whatever the part says it is."""
    recording = RECORDINGS[name]()
    upload = {"data": {"model": "toy-speech"}, "files": {"file": recording}}
    expected = (await builtin_http.post("audio/transcriptions", **upload)).json()["text"]

    chatted = await text_by(builtin_http, "chat/completions", chat(part(recording, "mp3"), TASK))
    responded = await text_by(builtin_http, "responses", response(recording))

    assert (chatted, responded) == (expected, expected)


async def test_a_long_recording(builtin_http: httpx.AsyncClient) -> None:
    """A body so large that another process decodes it; its segments come one by one."""
    recording = float_wav(np.tile(speech(CLIP), 30))
    # No other temperature, or it might be drawn at random.
    upload = {"data": {"model": "toy-speech", "temperatures": "0"}, "files": {"file": recording}}
    expected = (await builtin_http.post("audio/transcriptions", **upload)).json()["text"]

    body = chat(part(recording), stream=True, transcription={"temperatures": [0]})
    streamed = await builtin_http.post("chat/completions", json=body)

    *lines, done = streamed.text.split("\n\n")[:-1]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    texts = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert done == "data: [DONE]"
    assert "".join(texts) == expected
    assert len([text for text in texts if text]) > 1


async def test_options(builtin_http: httpx.AsyncClient) -> None:
    """`transcription` holds what a transcription's form does, and changes the answer likewise."""
    options = {"clip_timestamps": [0, 0.9], "beam_size": 1, "language": "en"}
    body = chat(part(CLIP.read_bytes()), transcription=options)

    answer = await builtin_http.post("chat/completions", json=body)

    upload = {"data": {"model": "toy-speech", "clip_timestamps": "0,0.9", "beam_size": "1"}}
    upload["data"]["language"] = "en"
    files = {"file": CLIP.read_bytes()}
    expected = await builtin_http.post("audio/transcriptions", **upload, files=files)
    assert answer.json()["choices"][0]["message"]["content"] == expected.json()["text"] != SAID
    assert answer.headers["x-shim-manifest"] == expected.headers["x-shim-manifest"]


REFUSED = {
    "empty": (b"", "empty_audio"),
    "not audio": (b"ABCD" * 100, "unsupported_format"),
    "cut": (CLIP.read_bytes()[:9000], "truncated_audio"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("stream", [False, True])
async def test_refused_recordings(
    builtin_http: httpx.AsyncClient, name: str, *, stream: bool
) -> None:
    """A recording is refused as on the transcription's route, by its place in the request."""
    recording, code = REFUSED[name]

    chatted = await builtin_http.post(
        "chat/completions", json=chat(TASK, part(recording), stream=stream)
    )
    responded = await builtin_http.post("responses", json=response(recording, stream=stream))

    places = ["messages[0].content[1].input_audio.data", "input[0].content[1].audio_url"]
    for answer, place in zip((chatted, responded), places, strict=True):
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == (code, place)


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ([TASK], "messages"),
        ("What do you hear?", "messages"),
        ([part(b"a"), part(b"b")], "messages[0].content[1].input_audio.data"),
        (
            [{"type": "input_audio", "input_audio": {"format": "wav"}}],
            "messages[0].content[0].input_audio.data",
        ),
        (
            [{"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}}],
            "messages[0].content[0].input_audio.data",
        ),
        (
            [{"type": "audio_url", "audio_url": "https://example.com/a.wav"}],
            "messages[0].content[0].audio_url",
        ),
    ],
)
async def test_requests_without_their_recording(builtin: Any, content: Any, param: str) -> None:
    """None, several or something else: a 400 that names it."""
    messages = [{"role": "user", "content": content}]

    with pytest.raises(openai.BadRequestError) as error:
        await answered(
            builtin.chat.completions.create(model="whisper-1", messages=messages, stream=True)
        )

    assert error.value.param == param


async def test_unknown_language(builtin_http: httpx.AsyncClient) -> None:
    """What the engine refuses is named by its path in the request."""
    body = chat(part(CLIP.read_bytes()), transcription={"language": "xx"})

    answer = await builtin_http.post("chat/completions", json=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "transcription.language")


async def test_a_chat_model(http: httpx.AsyncClient) -> None:
    """A model that does not transcribe refuses the options of one that does."""
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": "echo", "messages": messages, "transcription": {"language": "en"}}
    ask = {"model": "echo", "input": "hi", "transcription": {"language": "en"}}

    chatted = await http.post("chat/completions", json=body)
    responded = await http.post("responses", json=ask)

    assert [chatted.status_code, responded.status_code] == [400, 400]
    assert chatted.json()["error"]["param"] == responded.json()["error"]["param"] == "transcription"


async def test_a_full_queue(http: httpx.AsyncClient) -> None:
    """Speech that is asked by chat waits in the same queue, and takes the same slot."""
    lines = {**chat(part(b"line\n" * 500)), "model": "one-line", "stream": True}

    async with http.stream("POST", "chat/completions", json=lines) as running:
        assert running.status_code == 200
        assert await reaches(http, "one-line", 429)
        refused = await http.post("responses", json={**response(b"a"), "model": "one-line"})

    assert refused.status_code == 429
    assert await reaches(http, "one-line", 400)


async def test_a_death_in_mid_stream(http: httpx.AsyncClient) -> None:
    """An engine that dies after its answer has begun ends the stream with an error."""
    body = {**chat(part(b"a\nb\nc")), "model": "dying-speech", "stream": True}

    answer = await http.post("chat/completions", json=body)

    assert answer.status_code == 200
    assert '"content":"a"' in answer.text
    assert "server_is_overloaded" in answer.text
    whole = await http.post("chat/completions", json={**body, "stream": False})
    assert whole.status_code == 503


async def test_metrics(http: httpx.AsyncClient) -> None:
    """Its seconds are counted as those of transcriptions are."""

    async def seconds() -> float:
        text = (await http.get("../metrics")).text
        name = 'shim_audio_seconds_total{model="lines"}'
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    before = await seconds()
    body = {**chat(part(b"a\nb")), "model": "lines"}

    answer = await http.post("chat/completions", json=body)

    assert answer.json()["choices"][0]["message"]["content"] == "a b"
    assert await seconds() == before + 2


async def test_strict_mode(builtin_http: httpx.AsyncClient) -> None:
    """Strict mode knows the field."""
    body = chat(part(CLIP.read_bytes()), transcription={"language": "en"})

    answer = await builtin_http.post(
        "chat/completions", json=body, headers={"x-shim-strict": "true"}
    )

    assert answer.status_code == 200
