"""Whisper's options: what a job and a model's defaults become, and what is refused of it."""

from typing import Any

import pytest

from backends.base import Job
from backends.failures import InvalidOption, InvalidRequest, UnknownLanguage, UnsupportedOption
from backends.whisper.options import arguments, check, defaults, fresh
from backends.whisper_options import Decoding, VadParameters

LANGUAGES = ("en", "de", "es")
VOCABULARY = 2000

# ── arguments ─────────────────────────────────────────────────────────────────


def given(defaults: Decoding = Decoding(), **job: Any) -> dict[str, Any]:  # noqa: B008  frozen
    """Return the arguments of a job beside the two that are always named."""
    found = arguments(Job(**job), defaults)
    always = {"task": "transcribe", "word_timestamps": False}
    return {name: value for name, value in found.items() if always.get(name) != value}


def test_what_is_not_said_is_not_named() -> None:
    """A bare job leaves everything to faster-whisper but what OpenAI's form always says."""
    assert arguments(Job(), Decoding()) == {"task": "transcribe", "word_timestamps": False}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"task": "translate"}, {"task": "translate"}),
        ({"language": "de"}, {"language": "de"}),
        ({"prompt": "Shim"}, {"initial_prompt": "Shim"}),
        ({"word_timestamps": True}, {"word_timestamps": True}),
        ({"languages": ("de", "en")}, {}),
        ({"token_logprobs": True}, {}),
        ({"options": {"temperatures": (0.0, 0.5)}}, {"temperature": (0.0, 0.5)}),
        ({"options": {"beam_size": 1}}, {"beam_size": 1}),
        ({"options": {"suppress_blank": False}}, {"suppress_blank": False}),
        ({"options": {"suppress_tokens": ()}}, {"suppress_tokens": ()}),
        (
            {"options": {"vad_filter": True, "vad_parameters": {"threshold": 0.4}}},
            {"vad_filter": True, "vad_parameters": {"threshold": 0.4}},
        ),
    ],
)
def test_words(job: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each word of the seam's in faster-whisper's, with nothing beside it."""
    assert given(**job) == expected


def test_the_job_goes_before_the_models_defaults() -> None:
    """What the configuration sets applies where the job says nothing."""
    configured = Decoding(beam_size=1, suppress_blank=True, vad_filter=True)

    found = given(configured, options={"beam_size": 3, "suppress_blank": False})

    assert found == {"beam_size": 3, "suppress_blank": False, "vad_filter": True}


def test_lists_are_fresh() -> None:
    """faster-whisper may change the lists of one call: those of the next are others."""
    prepared = arguments(
        Job(options={"temperatures": (0.0,), "suppress_tokens": (-1,)}), Decoding()
    )

    for name in ("temperature", "suppress_tokens"):
        fresh(prepared)[name].append(7)

    assert fresh(prepared)["temperature"] == [0.0]
    assert fresh(prepared)["suppress_tokens"] == [-1]


def test_an_option_that_faster_whisper_lacks() -> None:
    """An option by another name is refused by that name."""
    with pytest.raises(UnsupportedOption, match="no option 'beams'") as refusal:
        arguments(Job(options={"beam_size": 2, "beams": 2}), Decoding())

    assert refusal.value.option == "beams"


def test_nested_defaults_are_dicts() -> None:
    """The detector's parameters of the configuration become a dict of those that are set."""
    configured = Decoding(vad_filter=True, vad_parameters=VadParameters(threshold=0.4))

    assert given(configured) == {"vad_filter": True, "vad_parameters": {"threshold": 0.4}}


def test_every_option_is_an_argument() -> None:
    """faster-whisper has an argument for each option: none is passed that it does not know."""
    from faster_whisper import WhisperModel  # noqa: PLC0415  not needed by the other tests

    known = defaults(WhisperModel.transcribe)

    names = {"temperature" if name == "temperatures" else name for name in Decoding.__annotations__}
    assert names <= known.keys()
    assert known.keys() - names == {"language", "task", "initial_prompt", "word_timestamps"}


def test_defaults() -> None:
    """Of a signature, what has a default and changes an answer."""

    def transcribe(audio: object, beam_size: int = 5, *, log_progress: bool = False) -> None:
        raise NotImplementedError(audio, beam_size, log_progress)

    assert defaults(transcribe) == {"beam_size": 5}


# ── refusals ──────────────────────────────────────────────────────────────────


def judged(languages: tuple[str, ...] = LANGUAGES, /, **job: Any) -> None:
    """Judge a job for a model of those languages."""
    asked = Job(**job)
    check(asked, arguments(asked, Decoding()), languages=languages, vocabulary=VOCABULARY)


WORDS = {"word_timestamps": True}

REFUSED = {
    "language": (UnknownLanguage, "language", {"language": "tlh"}),
    "no language": (UnknownLanguage, "language", {"language": ""}),
    "languages": (UnknownLanguage, "languages", {"languages": ("en", "tlh")}),
    "both": (InvalidOption, "languages", {"language": "de", "languages": ("de",)}),
    "VAD unfiltered": (
        InvalidOption,
        "vad_parameters",
        {"options": {"vad_parameters": {"threshold": 0.4}}},
    ),
    "VAD filtered out": (
        InvalidOption,
        "vad_parameters",
        {"options": {"vad_filter": False, "vad_parameters": {}}},
    ),
    "silence without words": (
        InvalidOption,
        "hallucination_silence_threshold",
        {"options": {"hallucination_silence_threshold": 2.0}},
    ),
    "hotwords and prefix": (
        InvalidOption,
        "hotwords",
        {"options": {"hotwords": "Shim", "prefix": "So"}},
    ),
    "VAD and clips": (
        InvalidOption,
        "vad_filter",
        {"options": {"vad_filter": True, "clip_timestamps": (0.0,)}},
    ),
    "a clip backwards": (
        InvalidOption,
        "clip_timestamps",
        {"options": {"clip_timestamps": (0.0, 1.0, 3.0, 2.0)}},
    ),
    "a token too high": (
        InvalidOption,
        "suppress_tokens",
        {"options": {"suppress_tokens": (-1, VOCABULARY)}},
    ),
    "a token too low": (
        InvalidOption,
        "suppress_tokens",
        {"options": {"suppress_tokens": (-2,)}},
    ),
}


@pytest.mark.parametrize(("kind", "option", "job"), REFUSED.values(), ids=REFUSED)
def test_refused(kind: type[InvalidRequest], option: str, job: dict[str, Any]) -> None:
    """What faster-whisper would ignore, or CTranslate2 would break on, is refused by name."""
    with pytest.raises(kind) as refusal:
        judged(**job)

    assert type(refusal.value) is kind
    assert refusal.value.option == option


@pytest.mark.parametrize(
    "job",
    [
        {},
        {"language": "de"},
        {"languages": ("de", "en")},
        {"task": "translate"},
        {"options": {"vad_filter": True, "vad_parameters": {"threshold": 0.4}}},
        {**WORDS, "options": {"hallucination_silence_threshold": 2.0}},
        {"options": {"hotwords": "Shim"}},
        {"options": {"prefix": "So", "hotwords": ""}},
        {"options": {"vad_filter": False, "clip_timestamps": (0.0,)}},
        {"options": {"clip_timestamps": (0.0, 2.0, 1.0, 3.0, 2.0)}},
        {"options": {"suppress_tokens": (-1, 0, VOCABULARY - 1)}},
        {"options": {"multilingual": True}},
    ],
)
def test_accepted(job: dict[str, Any]) -> None:
    """What has an effect passes, and so does what asks for none."""
    judged(**job)


def test_a_models_defaults_are_judged_with_the_job() -> None:
    """What has no effect beside the configuration is refused too."""
    job = Job(options={"hotwords": "Shim"})
    merged = arguments(job, Decoding(prefix="So"))

    with pytest.raises(InvalidOption, match="`hotwords` has no effect beside `prefix`"):
        check(job, merged, languages=LANGUAGES, vocabulary=VOCABULARY)


@pytest.mark.parametrize(
    ("option", "job"),
    [("task", {"task": "translate"}), ("multilingual", {"options": {"multilingual": True}})],
)
def test_a_model_that_only_knows_english(option: str, job: dict[str, Any]) -> None:
    """It cannot translate, nor find out what is spoken, and does not pretend to."""
    judged(("en",), language="en")

    with pytest.raises(UnsupportedOption, match="only knows English") as refusal:
        judged(("en",), **job)

    assert refusal.value.option == option
