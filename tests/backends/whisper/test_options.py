"""Whisper's options: the arguments of a job, and the jobs that are refused."""

from typing import Any

import pytest

from backends.base import Job
from backends.failures import InvalidOption, InvalidRequest, UnknownLanguage, UnsupportedOption
from backends.whisper.options import arguments, check, defaults, fresh
from backends.whisper_options import Decoding, VadParameters

LANGUAGES = ("en", "de", "es")
VOCABULARY = 2000

# ── arguments ─────────────────────────────────────────────────────────────────


def arguments_set(defaults: Decoding = Decoding(), **job: Any) -> dict[str, Any]:  # noqa: B008  frozen
    """Return the arguments of a job, except the defaults of the two that are always set."""
    every = arguments(Job(**job), defaults)
    always = {"task": "transcribe", "word_timestamps": False}
    return {name: value for name, value in every.items() if always.get(name) != value}


def test_options_that_are_not_set_are_missing() -> None:
    """An empty job sets only the two arguments that OpenAI's form always has."""
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
def test_fields_of_a_job(job: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each field of a job becomes its argument, and nothing else does."""
    assert arguments_set(**job) == expected


def test_the_job_goes_before_the_models_defaults() -> None:
    """The configured options apply where the job sets none."""
    configured = Decoding(beam_size=1, suppress_blank=True, vad_filter=True)

    merged = arguments_set(configured, options={"beam_size": 3, "suppress_blank": False})

    assert merged == {"beam_size": 3, "suppress_blank": False, "vad_filter": True}


def test_lists_are_fresh() -> None:
    """Changing the lists of one call changes no other call's."""
    prepared = arguments(
        Job(options={"temperatures": (0.0,), "suppress_tokens": (-1,)}), Decoding()
    )

    for name in ("temperature", "suppress_tokens"):
        fresh(prepared)[name].append(7)

    assert fresh(prepared)["temperature"] == [0.0]
    assert fresh(prepared)["suppress_tokens"] == [-1]


def test_an_option_that_faster_whisper_lacks() -> None:
    """An unknown option is refused by its name."""
    with pytest.raises(UnsupportedOption, match="no option 'beams'") as refusal:
        arguments(Job(options={"beam_size": 2, "beams": 2}), Decoding())

    assert refusal.value.option == "beams"


def test_nested_defaults_are_dicts() -> None:
    """Configured parameters of the detector become a dict of those that are set."""
    configured = Decoding(vad_filter=True, vad_parameters=VadParameters(threshold=0.4))

    assert arguments_set(configured) == {"vad_filter": True, "vad_parameters": {"threshold": 0.4}}


def test_every_option_is_an_argument() -> None:
    """faster-whisper has an argument for each option."""
    from faster_whisper import WhisperModel  # noqa: PLC0415  not needed by the other tests

    known = defaults(WhisperModel.transcribe)

    names = {"temperature" if name == "temperatures" else name for name in Decoding.__annotations__}
    assert names <= known.keys()
    assert known.keys() - names == {"language", "task", "initial_prompt", "word_timestamps"}


def test_defaults() -> None:
    """Arguments without a default, or without effect on the answer, are missing."""

    def transcribe(audio: object, beam_size: int = 5, *, log_progress: bool = False) -> None:
        raise NotImplementedError(audio, beam_size, log_progress)

    assert defaults(transcribe) == {"beam_size": 5}


# ── refusals ──────────────────────────────────────────────────────────────────


def checked(languages: tuple[str, ...] = LANGUAGES, /, **job: Any) -> None:
    """Check a job for a model of those languages."""
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
    """A job that faster-whisper would ignore in part, or CTranslate2 crash on, is refused."""
    with pytest.raises(kind) as refusal:
        checked(**job)

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
    """Options that have an effect pass, and so do those that turn something off."""
    checked(**job)


def test_a_models_defaults_are_checked_with_the_job() -> None:
    """An option without effect beside the configured ones is refused too."""
    job = Job(options={"hotwords": "Shim"})
    merged = arguments(job, Decoding(prefix="So"))

    with pytest.raises(InvalidOption, match="`hotwords` has no effect beside `prefix`"):
        check(job, merged, languages=LANGUAGES, vocabulary=VOCABULARY)


@pytest.mark.parametrize(
    ("option", "job"),
    [("task", {"task": "translate"}), ("multilingual", {"options": {"multilingual": True}})],
)
def test_a_model_that_only_knows_english(option: str, job: dict[str, Any]) -> None:
    """A model of English alone refuses to translate and to detect languages."""
    checked(("en",), language="en")

    with pytest.raises(UnsupportedOption, match="only knows English") as refusal:
        checked(("en",), **job)

    assert refusal.value.option == option
