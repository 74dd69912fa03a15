"""Translates a job to the arguments of faster-whisper's `transcribe`, or refuses it.

faster-whisper silently ignores some arguments beside others; such pairs are refused here.
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from msgspec import Struct

from backends.base import Job, Manifest, Prepared
from backends.failures import InvalidOption, UnknownLanguage, UnsupportedOption
from backends.whisper_options import Decoding, options_set

_NEEDED: dict[str, tuple[str, str]] = {
    "vad_parameters": ("vad_filter", "voice activity detection"),
    "hallucination_silence_threshold": ("word_timestamps", "timestamps of words"),
}
"""Option → the name and the description of another option, without which it has no effect."""

_EXCLUSIVE: tuple[tuple[str, str], ...] = (
    ("hotwords", "prefix"),
    ("vad_filter", "clip_timestamps"),
)
"""Pairs in which the second option makes faster-whisper ignore the first."""

_NO_EFFECT = ("log_progress",)
"""Arguments of `transcribe` that change no answer."""


class Preparer(Struct, frozen=True, kw_only=True):
    """Checks jobs for one model without its weights."""

    manifest: Manifest
    """The part of the manifest that all answers share."""
    decoding: Decoding
    """The model's own defaults."""
    defaults: dict[str, Any]
    """faster-whisper's defaults."""
    languages: tuple[str, ...]
    """The codes that the model knows."""
    vocabulary: int
    """Number of its tokens."""

    def __call__(self, job: Job) -> Prepared:
        """Return *job* with all its arguments; raise what `check` raises."""
        given = arguments(job, self.decoding)
        check(job, given, languages=self.languages, vocabulary=self.vocabulary)
        effective = {**self.defaults, **given, "languages": job.languages}
        return Prepared(
            job=job, manifest={**self.manifest, "transcribe": effective}, arguments=given
        )


def arguments(job: Job, defaults: Decoding) -> dict[str, Any]:
    """Return the keyword arguments of `transcribe` that *job* or the model's *defaults* set.

    Options of the job win. An argument that neither sets is missing, so that faster-whisper's own
    default applies. Raises UnsupportedOption for an option that faster-whisper does not have.
    """
    if unknown := sorted(job.options.keys() - set(Decoding.__struct_fields__)):
        raise UnsupportedOption(f"faster-whisper has no option '{unknown[0]}'.", option=unknown[0])
    options = {**options_set(defaults), **job.options}
    if "temperatures" in options:
        options["temperature"] = options.pop("temperatures")
    texts = {"language": job.language, "initial_prompt": job.prompt}
    return {
        "task": job.task,
        "word_timestamps": job.word_timestamps,
        **{name: value for name, value in texts.items() if value is not None},
        **options,
    }


def fresh(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return *arguments* with new lists for all sequences: faster-whisper changes them in place."""
    return {
        name: list(value) if isinstance(value, tuple | list) else value
        for name, value in arguments.items()
    }


def defaults(transcribe: Callable[..., Any]) -> dict[str, Any]:
    """Return the default of each argument of faster-whisper's *transcribe* that changes answers."""
    parameters = signature(transcribe).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not parameter.empty and parameter.name not in _NO_EFFECT
    }


def check(
    job: Job, arguments: dict[str, Any], *, languages: tuple[str, ...], vocabulary: int
) -> None:
    """Raise UnknownLanguage, UnsupportedOption or InvalidOption for a job that cannot be done.

    *arguments* are the job's, *languages* the codes that the model knows, *vocabulary* its number
    of token ids.
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
    _check_english_only(job, arguments, languages)
    for option, (needed, description) in _NEEDED.items():
        if option in arguments and not arguments.get(needed):
            raise InvalidOption(f"`{option}` has no effect without {description}.", option=option)
    for first, second in _EXCLUSIVE:
        if arguments.get(first) and arguments.get(second):
            raise InvalidOption(f"`{first}` has no effect beside `{second}`.", option=first)
    clips = arguments.get("clip_timestamps", ())
    if any(end < start for start, end in zip(clips[::2], clips[1::2], strict=False)):
        raise InvalidOption("A clip ends before it starts.", option="clip_timestamps")
    # CTranslate2 uses these ids as indices without a bounds check, and writes there.
    if any(not -1 <= token < vocabulary for token in arguments.get("suppress_tokens", ())):
        raise InvalidOption(
            f"`suppress_tokens` takes ids below {vocabulary}, and -1.", option="suppress_tokens"
        )


def _check_english_only(job: Job, arguments: dict[str, Any], languages: tuple[str, ...]) -> None:
    if len(languages) > 1:
        return
    if job.task == "translate":
        raise UnsupportedOption("This model only knows English.", option="task")
    if arguments.get("multilingual"):
        raise UnsupportedOption("This model only knows English.", option="multilingual")
