"""Sets of options, as a form says them and as `WhisperModel.transcribe` is told them offline.

Where a result below the thresholds would be drawn again at random, the ladder is told to stop at
temperature 0, or given steps so small that they draw what is most probable.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.fidelity.recordings import ENGLISH, GERMAN, OTHER_VOICE, SPANISH


@dataclass(frozen=True)
class Row:
    """One set of options, and what it is tried on."""

    name: str
    recordings: tuple[str, ...]
    form: dict[str, Any] = field(default_factory=dict)
    offline: dict[str, Any] = field(default_factory=dict)
    route: str = "transcriptions"
    words: bool = False


SHORT = (ENGLISH, OTHER_VOICE)
SURE: dict[str, Any] = {"temperatures[]": "0"}
SURE_OFFLINE: dict[str, Any] = {"temperature": [0.0]}
STEPS: dict[str, Any] = {"temperatures": "0,0.001,0.002"}
STEPS_OFFLINE: dict[str, Any] = {"temperature": [0.0, 0.001, 0.002]}


def same(name: str, recordings: tuple[str, ...], *, words: bool = False, **options: Any) -> Row:
    """Return a row whose options have the same names on both sides, at temperature 0 alone."""
    return Row(name, recordings, SURE | options, SURE_OFFLINE | options, words=words)


ROWS = [
    Row("defaults", (ENGLISH, GERMAN, SPANISH, "silence", "noise", "tone", "blip")),
    Row("temperature 0", SHORT, {"temperature": "0"}),
    same("long", ("long", "pauses", "mixed")),
    same("language by code", SHORT, language="en"),
    Row("language by name", (GERMAN,), {"language": "German"}, {"language": "de"}),
    Row(
        "another language", (SPANISH,), SURE | {"language": "de"}, SURE_OFFLINE | {"language": "de"}
    ),
    Row("languages", (GERMAN,), {"languages[]": ["de", "es"]}, {"language": "de"}),
    same("detection threshold", ("mixed",), language_detection_threshold=0.999),
    same(
        "detection segments",
        ("mixed",),
        language_detection_threshold=1.0,
        language_detection_segments=3,
    ),
    same("multilingual", ("mixed",), multilingual=True),
    Row(
        "prompt", SHORT, SURE | {"prompt": "call me"}, SURE_OFFLINE | {"initial_prompt": "call me"}
    ),
    Row(
        "long prompt",
        SHORT,
        SURE | {"prompt": "turn on the light " * 90},
        SURE_OFFLINE | {"initial_prompt": "turn on the light " * 90},
    ),
    Row(
        "prompt on a long file",
        ("long",),
        SURE | {"prompt": "call me on monday"},
        SURE_OFFLINE | {"initial_prompt": "call me on monday"},
    ),
    Row(
        "keywords",
        SHORT,
        SURE | {"keywords[]": ["kitchen", "bathroom"]},
        SURE_OFFLINE | {"hotwords": "kitchen, bathroom"},
    ),
    same("hotwords", ("long",), hotwords="set a timer"),
    same("prefix", SHORT, prefix="turn"),
    same("beam 1", (*SHORT, "long"), beam_size=1),
    same("beam 2, patience", SHORT, beam_size=2, patience=2.0),
    same("beam 8", SHORT, beam_size=8),
    same("length penalty", SHORT, length_penalty=0.3),
    same("repetition penalty", SHORT, repetition_penalty=1.3),
    same("no repeated pairs", ("long",), no_repeat_ngram_size=2),
    Row(
        "ladder climbed for log probability",
        (*SHORT, "long"),
        STEPS | {"log_prob_threshold": "0"},
        STEPS_OFFLINE | {"log_prob_threshold": 0.0},
    ),
    Row(
        "ladder climbed for repetition",
        SHORT,
        STEPS | {"compression_ratio_threshold": "0.1", "best_of": "3"},
        STEPS_OFFLINE | {"compression_ratio_threshold": 0.1, "best_of": 3},
    ),
    Row(
        "ladder reset of the prompt",
        ("long",),
        STEPS | {"log_prob_threshold": "0", "prompt_reset_on_temperature": "0.001"},
        STEPS_OFFLINE | {"log_prob_threshold": 0.0, "prompt_reset_on_temperature": 0.001},
    ),
    Row(
        "one temperature",
        SHORT,
        {"temperature": "0.001"},
        {"temperature": 0.001},
    ),
    same("all is silence", SHORT, no_speech_threshold=0.0, log_prob_threshold=1.0),
    same("no conditioning", ("long",), condition_on_previous_text=False),
    same("blanks allowed", SHORT, suppress_blank=False),
    Row(
        "tokens suppressed",
        SHORT,
        SURE | {"suppress_tokens[]": ["-1", "261", "414"]},
        SURE_OFFLINE | {"suppress_tokens": [-1, 261, 414]},
    ),
    same("no timestamps", (*SHORT, "long"), without_timestamps=True),
    same("initial timestamp", SHORT, max_initial_timestamp=0.2),
    same("words", (*SHORT, GERMAN, "silence", "long"), words=True),
    same(
        "words and punctuation",
        SHORT,
        words=True,
        prepend_punctuations="(",
        append_punctuations=".",
    ),
    same("words, skipped silence", ("pauses",), words=True, hallucination_silence_threshold=0.5),
    same("vad", (*SHORT, "pauses", "silence"), vad_filter=True),
    Row(
        "vad with its numbers",
        ("pauses",),
        SURE | {"engine[vad_filter]": "true", "vad_parameters[min_silence_duration_ms]": "500"},
        SURE_OFFLINE | {"vad_filter": True, "vad_parameters": {"min_silence_duration_ms": 500}},
    ),
    same("words and vad", ("pauses",), words=True, vad_filter=True),
    Row(
        "chunking auto",
        ("pauses",),
        SURE | {"chunking_strategy": "auto"},
        SURE_OFFLINE | {"vad_filter": True},
    ),
    Row(
        "chunking by server_vad",
        ("pauses",),
        SURE
        | {
            "chunking_strategy[type]": "server_vad",
            "chunking_strategy[threshold]": "0.3",
            "chunking_strategy[silence_duration_ms]": "300",
            "chunking_strategy[prefix_padding_ms]": "100",
        },
        SURE_OFFLINE
        | {
            "vad_filter": True,
            "vad_parameters": {
                "threshold": 0.3,
                "min_silence_duration_ms": 300,
                "speech_pad_ms": 100,
            },
        },
    ),
    same("few tokens", SHORT, max_new_tokens=5),
    same("short windows", ("pauses",), chunk_length=5),
    Row(
        "one clip of it",
        ("pauses",),
        SURE | {"clip_timestamps": "5,12"},
        SURE_OFFLINE | {"clip_timestamps": [5.0, 12.0]},
    ),
    Row(
        "from a place on",
        ("long",),
        SURE | {"clip_timestamps[]": "20.5"},
        SURE_OFFLINE | {"clip_timestamps": [20.5]},
    ),
    Row(
        "translation",
        (GERMAN, SPANISH),
        SURE,
        SURE_OFFLINE | {"task": "translate"},
        route="translations",
    ),
    Row(
        "translation with words",
        (GERMAN,),
        SURE,
        SURE_OFFLINE | {"task": "translate"},
        route="translations",
        words=True,
    ),
    same(
        "many at once",
        ("long",),
        words=True,
        beam_size=3,
        vad_filter=True,
        condition_on_previous_text=False,
        language="en",
    ),
]
