"""Transcriptions: the job that reaches the engine, and the answer that comes back."""

import asyncio
import gc
import math
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.base import Candidate, Job, Segment, TranscriptInfo, Word
from backends.whisper_options import Decoding
from shim.api.transcription.answer import answer, encoded_answer
from shim.api.transcription.fields import parsed_form
from shim.api.transcription.other_names import Task
from shim.api.transcription.protocol import TextDelta, TextDone, TranscriptionForm
from shim.api.transcription.stream import events
from shim.api.transcription.translate import to_job
from shim.errors import InvalidParameter, UnsupportedParameter
from shim.server import GC_THRESHOLDS
from tests.watchdog import loop_watched, tried_again

FOUND = TranscriptInfo(language="de", language_probability=0.9, duration=2.1, prompt_tokens=4)

SEGMENT = Segment(
    id=1,
    seek=0,
    start=0.0,
    end=2.0,
    text=" Guten Tag",
    tokens=(1, 2),
    temperature=0.2,
    avg_logprob=-0.3,
    compression_ratio=1.1,
    no_speech_prob=0.01,
    words=(
        Word(word=" Guten", start=0.0, end=1.0, probability=0.9),
        Word(word=" Tag", start=1.0, end=2.0, probability=0.9),
    ),
)


def form(**fields: Any) -> TranscriptionForm:
    """Return a form."""
    return TranscriptionForm(model="m", **fields)


def job(task: Task = "transcribe", **fields: Any) -> Job:
    """Return the job of *fields*, as JSON holds them."""
    return to_job(parsed_form(fields), task)


def encoded(
    form: TranscriptionForm, *segments: Segment, task: Task = "transcribe", silence: str = ""
) -> Any:
    """Return the answer to *form* as clients see it."""
    body = answer(form, task, [FOUND, *segments], silence=silence)
    return msgspec.json.decode(msgspec.json.encode(body))


# ── wire → engine ─────────────────────────────────────────────────────────────


def test_nothing_is_invented() -> None:
    """An empty form sets nothing in the job."""
    assert job(model="m") == Job()
    assert job("translate", model="m") == Job(task="translate")


VERBOSE = {"response_format": "verbose_json"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"language": "German"}, Job(language="de")),
        ({"language": ""}, Job()),
        ({"languages": ["German", "en"]}, Job(languages=("de", "en"))),
        ({"prompt": "Hallo"}, Job(prompt="Hallo")),
        ({"prompt": ""}, Job()),
        ({**VERBOSE, "timestamp_granularities": ["word"]}, Job(word_timestamps=True)),
        ({"timestamp_granularities": ["segment"]}, Job()),
        ({"include": ["logprobs"]}, Job(token_logprobs=True)),
        ({"temperature": 0.4}, Job(options={"temperatures": (0.4,)})),
        ({"keywords": ["Shim", "wire"]}, Job(options={"hotwords": "Shim, wire"})),
        ({"chunking_strategy": "auto"}, Job(options={"vad_filter": True})),
        (
            {
                "chunking_strategy": {
                    "type": "server_vad",
                    "prefix_padding_ms": 1,
                    "silence_duration_ms": 2,
                    "threshold": 0.3,
                }
            },
            Job(
                options={
                    "vad_filter": True,
                    "vad_parameters": {
                        "speech_pad_ms": 1,
                        "min_silence_duration_ms": 2,
                        "threshold": 0.3,
                    },
                }
            ),
        ),
        ({"stream": True}, Job()),
        ({"perform_diarization": False, "known_speaker_names": []}, Job()),
        ({"user": "x"}, Job()),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_each_option(fields: dict[str, Any], expected: Job) -> None:
    """Every field of OpenAI's form sets its own part of the job, and nothing else."""
    assert job(**fields) == expected


ENGINE = {
    "temperatures": [0.0, 0.5],
    "beam_size": 3,
    "best_of": 4,
    "patience": 1.5,
    "length_penalty": 0.9,
    "repetition_penalty": 1.1,
    "no_repeat_ngram_size": 3,
    "compression_ratio_threshold": 2.0,
    "log_prob_threshold": -0.5,
    "no_speech_threshold": 0.7,
    "condition_on_previous_text": False,
    "prompt_reset_on_temperature": 0.3,
    "prefix": "So",
    "suppress_blank": False,
    "suppress_tokens": [-1, 7],
    "without_timestamps": True,
    "max_initial_timestamp": 2.0,
    "prepend_punctuations": "(",
    "append_punctuations": ")",
    "multilingual": True,
    "vad_filter": True,
    "vad_parameters": {"threshold": 0.4, "max_speech_duration_s": 9.0},
    "max_new_tokens": 100,
    "chunk_length": 20,
    "clip_timestamps": [1.0, 2.0],
    "hallucination_silence_threshold": 2.5,
    "hotwords": "Shim",
    "language_detection_threshold": 0.6,
    "language_detection_segments": 2,
}


def test_the_engines_options_are_all_there() -> None:
    """The next test has every option of the engine."""
    assert set(ENGINE) == set(Decoding.__struct_fields__)


@pytest.mark.parametrize("name", ENGINE)
def test_the_engines_own_options(name: str) -> None:
    """Every engine option reaches the job unchanged and alone, by either of its names."""
    value = ENGINE[name]

    result = job(**{name: value})

    assert result == job(engine={name: value})
    assert result == Job(options={name: VALUES.get(name, value)})


VALUES = {
    "temperatures": (0.0, 0.5),
    "suppress_tokens": (-1, 7),
    "clip_timestamps": (1.0, 2.0),
}
"""Values that have another type in a job than in JSON."""


def test_temperature_0_is_the_ladder() -> None:
    """Temperature 0 means the engine's own list, or the list in `temperatures`."""
    assert "temperatures" not in job(temperature=0.0).options
    assert job(temperature=0.0, temperatures=[0.2]).options["temperatures"] == (0.2,)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 0.4, "temperatures": [0.0, 0.4]}, "temperatures"),
        ({"keywords": ["a"], "hotwords": "b"}, "hotwords"),
        ({"chunking_strategy": "auto", "vad_filter": False}, "vad_filter"),
        (
            {"chunking_strategy": {"type": "server_vad"}, "vad_parameters": {"threshold": 0.4}},
            "vad_parameters",
        ),
    ],
)
def test_two_names_that_differ(fields: dict[str, Any], param: str) -> None:
    """A field of OpenAI's and the engine's option for the same thing must not differ."""
    with pytest.raises(InvalidParameter, match="OpenAI's own field") as refusal:
        job(**fields)

    assert refusal.value.param == param


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0.4, "temperatures": [0.4]},
        {"keywords": ["a", "b"], "hotwords": "a, b"},
        {"chunking_strategy": "auto", "vad_filter": True},
        {"chunking_strategy": "auto", "vad_parameters": {"threshold": 0.4}},
    ],
)
def test_two_names_that_agree(fields: dict[str, Any]) -> None:
    """A field of OpenAI's and the engine's option for the same thing may agree."""
    assert job(**fields).options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("known_speaker_names", ["Ann"]),
        ("known_speaker_references", ["data:"]),
        ("perform_diarization", True),
        ("response_format", "diarized_json"),
    ],
)
def test_unsupported(name: str, value: Any) -> None:
    """Fields that no model here can honour, and that change the answer, are refused by name."""
    with pytest.raises(UnsupportedParameter, match="tells speakers apart") as refusal:
        job(**{name: value})

    assert refusal.value.param == name


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt"])
def test_words_need_a_place(response_format: str) -> None:
    """Words need a format that has them."""
    with pytest.raises(InvalidParameter, match="verbose_json") as refusal:
        job(response_format=response_format, timestamp_granularities=["word"])

    assert refusal.value.param == "timestamp_granularities"
    assert job(response_format=response_format, timestamp_granularities=["segment"]) == Job()


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt", "verbose_json"])
def test_log_probabilities_need_a_place(response_format: str) -> None:
    """Log probabilities need a format that has them."""
    with pytest.raises(InvalidParameter, match="json") as refusal:
        job(response_format=response_format, include=["logprobs"])

    assert refusal.value.param == "include"


@pytest.mark.parametrize("response_format", ["srt", "vtt", "verbose_json"])
def test_what_cannot_be_streamed(response_format: str) -> None:
    """Formats with times cannot be streamed."""
    with pytest.raises(InvalidParameter, match="cannot be streamed") as refusal:
        job(response_format=response_format, stream=True)

    assert refusal.value.param == "response_format"
    assert job(response_format="text", stream=True) == Job()


# ── engine → wire ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("response_format", "body"),
    [
        (
            "json",
            {
                "text": "Guten Tag",
                "languages": [{"code": "de"}],
                "usage": {"type": "duration", "seconds": 3},
            },
        ),
        ("text", "Guten Tag\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:02,000\nGuten Tag\n\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGuten Tag\n\n"),
    ],
)
def test_formats(response_format: str, body: Any) -> None:
    """Each format has its body; seconds of usage are rounded up."""
    assert encoded(form(response_format=response_format), SEGMENT) == body


@pytest.mark.parametrize(
    "fields",
    [
        *({"response_format": name} for name in ("json", "text", "srt", "vtt", "verbose_json")),
        {"response_format": "verbose_json", "timestamp_granularities": ["word"]},
        {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]},
        {"include": ["logprobs"]},
    ],
)
def test_bytes(fields: dict[str, Any]) -> None:
    """The bytes are the answer's JSON, or its text, with few segments, many and none."""
    for segments in ([], [SEGMENT], [replace(SEGMENT, logprobs=tokens_of((b"a", -1.0)))] * 300):
        body = answer(form(**fields), "transcribe", [FOUND, *segments])

        found = encoded_answer(form(**fields), "transcribe", [FOUND, *segments])

        assert found == (body.encode() if isinstance(body, str) else msgspec.json.encode(body))


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]},
        {"include": ["logprobs"]},
    ],
)
@tried_again
async def test_hours_do_not_stop_the_loop(fields: dict[str, Any]) -> None:
    """The answer to hours of speech is made in a thread that does not block the event loop.

    The recording is five times as long as allowed, so that a busy machine's pauses do not count:
    on the event loop itself the answer would take 0.14 to 0.37 seconds.
    """
    segments = [replace(SEGMENT, logprobs=tokens_of(*[(b"a", -1.0)] * 8))] * 40_000

    # As the server does, once it has loaded everything: what tests load is no part of this.
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        async with loop_watched() as lag:
            await asyncio.to_thread(
                encoded_answer, form(**fields), "transcribe", [FOUND, *segments]
            )
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)

    assert lag.longest < 0.1


def test_verbose() -> None:
    """The engine's numbers stay as they are, and the language has its name."""
    body = encoded(form(response_format="verbose_json"), SEGMENT)

    assert body == {
        "task": "transcribe",
        "language": "german",
        "language_probability": 0.9,
        "duration": 2.1,
        "text": "Guten Tag",
        "segments": [
            {
                "id": 0,
                "seek": 0,
                "start": 0.0,
                "end": 2.0,
                "text": " Guten Tag",
                "tokens": [1, 2],
                "temperature": 0.2,
                "avg_logprob": -0.3,
                "compression_ratio": 1.1,
                "no_speech_prob": 0.01,
            }
        ],
        "usage": {"type": "duration", "seconds": 3},
    }


def test_segments_are_counted_from_0() -> None:
    """A segment's id is its index in the answer, also with words."""
    for granularities in (["segment"], ["segment", "word"]):
        wanted = form(response_format="verbose_json", timestamp_granularities=granularities)

        body = encoded(wanted, SEGMENT, replace(SEGMENT, id=2), replace(SEGMENT, id=3))

        assert [segment["id"] for segment in body["segments"]] == [0, 1, 2]


def test_languages_of_an_answer() -> None:
    """A transcription has its language if one was named or something was said."""
    assert encoded(form(), SEGMENT)["languages"] == [{"code": "de"}]
    assert encoded(form())["languages"] == []
    assert encoded(form(language="de"))["languages"] == [{"code": "de"}]
    assert "languages" not in encoded(form(), SEGMENT, task="translate")


def test_words() -> None:
    """Words come without the space before them, and alone if only words are requested."""
    body = encoded(form(response_format="verbose_json", timestamp_granularities=["word"]), SEGMENT)

    assert "segments" not in body
    assert body["words"] == [
        {"word": "Guten", "start": 0.0, "end": 1.0},
        {"word": "Tag", "start": 1.0, "end": 2.0},
    ]


def test_nothing_said() -> None:
    """A recording without speech has an empty text."""
    assert encoded(form())["text"] == ""
    assert encoded(form(response_format="text")) == "\n"
    assert encoded(form(response_format="verbose_json"))["segments"] == []


def test_segments_join_as_the_engine_spaced_them() -> None:
    """No space is added between segments: some languages have none."""
    second = msgspec.structs.replace(SEGMENT, text="。")

    assert encoded(form(), SEGMENT, second)["text"] == "Guten Tag。"


def test_a_text_for_silence() -> None:
    """The text for silence is used where nothing is said, and only there."""
    said = msgspec.structs.replace(SEGMENT, text="  ")

    assert encoded(form(), silence=" ")["text"] == " "
    assert encoded(form(), said, silence=" ")["text"] == " "
    assert encoded(form(response_format="verbose_json"), silence=" ")["text"] == " "
    assert encoded(form(), SEGMENT, silence=" ")["text"] == "Guten Tag"


def test_translations_are_english() -> None:
    """A translation has its task and the language English, for any spoken language."""
    body = encoded(form(response_format="verbose_json"), SEGMENT, task="translate")

    assert (body["task"], body["language"]) == ("translate", "english")


def tokens_of(*tokens: tuple[bytes, float]) -> tuple[Candidate, ...]:
    """Return tokens of those bytes with their log probabilities."""
    return tuple(Candidate(b.decode(errors="replace"), logprob, b) for b, logprob in tokens)


TOLD = {"include": ["logprobs"]}

SPOKEN = [
    msgspec.structs.replace(
        SEGMENT, text=" f\u00fc", logprobs=tokens_of((b" f\xc3", -0.5), (b"\xbc", -0.25))
    ),
    msgspec.structs.replace(SEGMENT, text="nf", logprobs=tokens_of((b"nf", -math.inf))),
]

NUMBERS = [
    {"token": " f\ufffd", "logprob": -0.5, "bytes": [32, 102, 195]},
    {"token": "\ufffd", "logprob": -0.25, "bytes": [188]},
    {"token": "nf", "logprob": -9999.0, "bytes": [110, 102]},
]


def test_log_probabilities() -> None:
    """All segments' tokens are there, also parts of letters; there are no infinities."""
    assert encoded(form(**TOLD), *SPOKEN)["logprobs"] == NUMBERS
    assert encoded(form(**TOLD))["logprobs"] == []
    assert "logprobs" not in encoded(form(), *SPOKEN)


def test_a_transcription_begins_with_its_info() -> None:
    """A transcription without its info at the start is an error."""
    with pytest.raises(TypeError, match="begins with its TranscriptInfo"):
        answer(form(), "transcribe", [SEGMENT])


# ── engine → stream ───────────────────────────────────────────────────────────


async def heard(*items: Any) -> AsyncGenerator[Any, None]:
    """Yield the items of an engine."""
    for item in items:
        yield item


async def streamed(*texts: str, **fields: Any) -> tuple[list[TextDelta], TextDone]:
    """Return the deltas and the last event of a stream of segments with those *texts*."""
    segments = [msgspec.structs.replace(SEGMENT, text=text) for text in texts]
    *deltas, done = [e async for e in events(form(**fields), heard(FOUND, *segments))]
    assert isinstance(done, TextDone)
    return deltas, done


@pytest.mark.parametrize(
    ("texts", "deltas"),
    [
        ([], []),
        ([" One."], ["One."]),
        ([" One.", " Two."], ["One.", " Two."]),
        (["\u4e00\u3002", "\u4e8c\u3002"], ["\u4e00\u3002", "\u4e8c\u3002"]),
        ([" One. ", "Two. "], ["One.", " Two."]),
        ([" One. ", " Two."], ["One.", "  Two."]),
        ([" One.", "  ", " Two."], ["One.", "", "   Two."]),
        (["  ", " One."], ["", "One."]),
        ([" One.", " "], ["One.", ""]),
        (["  "], [""]),
    ],
)
async def test_deltas(texts: list[str], deltas: list[str]) -> None:
    """White space is kept between segments, and dropped at the ends of the text."""
    streamed_deltas, _ = await streamed(*texts)

    assert [delta.delta for delta in streamed_deltas] == deltas


@given(st.lists(st.text(" \n\u3000ab", max_size=4), max_size=6))
async def test_deltas_are_the_text(texts: list[str]) -> None:
    """The joined deltas equal the text of the last event, and of a whole answer."""
    segments = [msgspec.structs.replace(SEGMENT, text=text) for text in texts]

    deltas, done = await streamed(*texts)

    assert "".join(delta.delta for delta in deltas) == done.text
    assert done.text == encoded(form(), *segments)["text"]


async def test_usage_of_a_stream() -> None:
    """Usage counts audio (50 positions a second, rounded up), prompt and text."""
    _, done = await streamed(" One.", " Two.")

    assert msgspec.to_builtins(done.usage) == {
        "type": "tokens",
        "input_tokens": 105 + 4,
        "input_token_details": {"audio_tokens": 105, "text_tokens": 4},
        "output_tokens": 4,
        "total_tokens": 105 + 4 + 4,
    }


async def test_log_probabilities_of_a_stream() -> None:
    """Each delta has its segment's, the last event has all; by default there are none."""
    asked_for = [e async for e in events(form(**TOLD), heard(FOUND, *SPOKEN))]
    not_asked = [e async for e in events(form(), heard(FOUND, *SPOKEN))]

    first, second, done = msgspec.to_builtins(asked_for)
    assert (first["logprobs"], second["logprobs"]) == (NUMBERS[:2], NUMBERS[2:])
    assert done["logprobs"] == NUMBERS
    assert not any("logprobs" in event for event in msgspec.to_builtins(not_asked))


async def test_events_are_named() -> None:
    """Each event has its type."""
    deltas, done = await streamed(" One.")

    assert msgspec.to_builtins(deltas) == [{"type": "transcript.text.delta", "delta": "One."}]
    assert msgspec.to_builtins(done)["type"] == "transcript.text.done"


async def test_leaving_a_stream_closes_the_engines() -> None:
    """Closing a stream closes the engine's generator."""
    below = heard(FOUND, SEGMENT, SEGMENT)
    stream = events(form(), below)
    await anext(stream)

    await stream.aclose()

    assert await anext(below, None) is None


@pytest.mark.parametrize(
    ("items", "message"),
    [([SEGMENT], "begins with its TranscriptInfo"), ([FOUND, FOUND], "has one TranscriptInfo")],
)
async def test_a_stream_that_breaks_the_order(items: list[Any], message: str) -> None:
    """A stream without its info at the start, or with two, is an error."""
    with pytest.raises(TypeError, match=message):
        _ = [event async for event in events(form(), heard(*items))]
