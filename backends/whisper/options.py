"""From a job to the arguments of faster-whisper's `transcribe`, or to the reason why not.

faster-whisper ignores some arguments silently beside others; here they are refused.
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from backends.base import Job
from backends.failures import InvalidOption, UnknownLanguage, UnsupportedOption
from backends.whisper_options import Decoding, options_set

_NEEDED: dict[str, tuple[str, str]] = {
    "vad_parameters": ("vad_filter", "voice activity detection"),
    "hallucination_silence_threshold": ("word_timestamps", "timestamps of words"),
}
"""Options that have no effect without another, and what that one is."""

_EXCLUSIVE: tuple[tuple[str, str], ...] = (
    ("hotwords", "prefix"),
    ("vad_filter", "clip_timestamps"),
)
"""Pairs of which faster-whisper ignores the first."""


def arguments(job: Job, defaults: Decoding) -> dict[str, Any]:
    """Return the keyword arguments of `transcribe` that the job or the model's defaults set.

    What neither sets is not named, so that faster-whisper's own default applies. Raises
    UnsupportedOption for an option of the job that faster-whisper does not have.
    """
    if unknown := sorted(job.options.keys() - set(Decoding.__struct_fields__)):
        raise UnsupportedOption(f"faster-whisper has no option '{unknown[0]}'.", option=unknown[0])
    chosen = {**options_set(defaults), **job.options}
    if "temperatures" in chosen:
        chosen["temperature"] = chosen.pop("temperatures")
    asked = {"language": job.language, "initial_prompt": job.prompt}
    return {
        "task": job.task,
        "word_timestamps": job.word_timestamps,
        **{name: value for name, value in asked.items() if value is not None},
        **chosen,
    }


def fresh(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return *arguments* with new lists for sequences: faster-whisper changes lists it is given."""
    return {
        name: list(value) if isinstance(value, tuple | list) else value
        for name, value in arguments.items()
    }


def defaults(transcribe: Callable[..., Any]) -> dict[str, Any]:
    """Return what faster-whisper's *transcribe* does where it is told nothing."""
    named = signature(transcribe).parameters.values()
    return {p.name: p.default for p in named if p.default is not p.empty and p.name not in _MUTE}


_MUTE = ("log_progress",)
"""Arguments that change no answer."""


def check(job: Job, given: dict[str, Any], *, languages: tuple[str, ...], vocabulary: int) -> None:
    """Raise UnknownLanguage, UnsupportedOption or InvalidOption for what cannot be done.

    *given* are the job's arguments, *languages* the codes that the model knows, *vocabulary* its
    number of token ids.
    """
    for code in (job.language, *job.languages):
        if code is not None and code not in languages:
            raise UnknownLanguage(
                f"The language '{code}' is unknown to this model; it knows: "
                f"{', '.join(languages)}.",
                option="language" if code == job.language else "languages",
            )
    if job.language and job.languages:
        raise InvalidOption(
            "With `language` set there is nothing to detect among `languages`.", option="languages"
        )
    _check_english_only(job, given, languages)
    for option, (needed, what) in _NEEDED.items():
        if option in given and not given.get(needed):
            raise InvalidOption(f"`{option}` has no effect without {what}.", option=option)
    for first, second in _EXCLUSIVE:
        if given.get(first) and given.get(second):
            raise InvalidOption(f"`{first}` has no effect beside `{second}`.", option=first)
    clips = given.get("clip_timestamps", ())
    if any(end < start for start, end in zip(clips[::2], clips[1::2], strict=False)):
        raise InvalidOption("A clip ends before it starts.", option="clip_timestamps")
    # CTranslate2 writes where they point, without looking.
    if any(not -1 <= token < vocabulary for token in given.get("suppress_tokens", ())):
        raise InvalidOption(
            f"`suppress_tokens` takes ids below {vocabulary}, and -1.", option="suppress_tokens"
        )


def _check_english_only(job: Job, given: dict[str, Any], languages: tuple[str, ...]) -> None:
    if len(languages) > 1:
        return
    if job.task == "translate":
        raise UnsupportedOption("This model only knows English.", option="task")
    if given.get("multilingual"):
        raise UnsupportedOption("This model only knows English.", option="multilingual")
