"""Transcription's wire ↔ engine values: what reaches the engine, what goes back."""

import io
from typing import Any

import msgspec
import pytest

from backends.base import Job, Segment, TranscriptInfo, Word
from shim.errors import InvalidParameter, UnsupportedParameter
from shim.transcription.protocol import TranscriptionForm
from shim.transcription.translate import answer, check, to_job

AUDIO = io.BytesIO()

FOUND = TranscriptInfo(language="de", language_probability=0.9, duration=2.1)

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


def encoded(form: TranscriptionForm, *segments: Segment) -> Any:
    """Return the answer to *form* as clients see it."""
    return msgspec.json.decode(msgspec.json.encode(answer(form, [FOUND, *segments])))


def test_nothing_is_invented() -> None:
    """A form that says nothing leaves all to the engine."""
    assert to_job(form(), AUDIO) == Job(audio=AUDIO)


def test_nothing_is_dropped() -> None:
    """Every value of a full form reaches the engine."""
    full = form(
        language="German", prompt="Hallo", temperature=0.4, timestamp_granularities=["word"]
    )

    assert to_job(full, AUDIO) == Job(
        audio=AUDIO, language="de", prompt="Hallo", temperature=0.4, word_timestamps=True
    )


def test_temperature_0_is_the_ladder() -> None:
    """OpenAI documents 0 as "raise it as needed": the engine's own ladder."""
    assert to_job(form(temperature=0.0), AUDIO).temperature is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", True),
        ("include", ["logprobs"]),
        ("languages", ["de", "en"]),
        ("keywords", ["Shim"]),
        ("chunking_strategy", "auto"),
        ("known_speaker_names", ["Ann"]),
        ("known_speaker_references", ["data:"]),
    ],
)
def test_unsupported(name: str, value: Any) -> None:
    """What would change the answer is refused by name."""
    with pytest.raises(UnsupportedParameter) as refusal:
        check(form(**{name: value}))

    assert refusal.value.param == name


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt"])
def test_words_need_a_place(response_format: str) -> None:
    """Words fit into one format alone."""
    with pytest.raises(InvalidParameter, match="verbose_json"):
        check(form(response_format=response_format, timestamp_granularities=["word"]))

    check(form(response_format=response_format, timestamp_granularities=["segment"]))


@pytest.mark.parametrize(
    ("response_format", "body"),
    [
        ("json", {"text": "Guten Tag", "usage": {"type": "duration", "seconds": 3}}),
        ("text", "Guten Tag\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:02,000\nGuten Tag\n\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGuten Tag\n\n"),
    ],
)
def test_formats(response_format: str, body: Any) -> None:
    """Each format; seconds of usage are rounded up."""
    assert encoded(form(response_format=response_format), SEGMENT) == body


def test_verbose() -> None:
    """The engine's numbers go out as they are, the language by its name."""
    body = encoded(form(response_format="verbose_json"), SEGMENT)

    assert body == {
        "task": "transcribe",
        "language": "german",
        "duration": 2.1,
        "text": "Guten Tag",
        "segments": [
            {
                "id": 1,
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


def test_words() -> None:
    """Words come without the space before them, and alone if asked for alone."""
    body = encoded(form(response_format="verbose_json", timestamp_granularities=["word"]), SEGMENT)

    assert "segments" not in body
    assert body["words"] == [
        {"word": "Guten", "start": 0.0, "end": 1.0},
        {"word": "Tag", "start": 1.0, "end": 2.0},
    ]


def test_nothing_said() -> None:
    """A recording without speech is an empty text."""
    assert encoded(form())["text"] == ""
    assert encoded(form(response_format="text")) == "\n"
    assert encoded(form(response_format="verbose_json"))["segments"] == []


def test_segments_join_as_the_engine_spaced_them() -> None:
    """No space is invented between segments: some languages have none."""
    second = msgspec.structs.replace(SEGMENT, text="。")

    assert encoded(form(), SEGMENT, second)["text"] == "Guten Tag。"


def test_a_transcription_begins_with_its_info() -> None:
    """An engine that breaks the seam's order is found out."""
    with pytest.raises(TypeError, match="begins with its TranscriptInfo"):
        answer(form(), [SEGMENT])
