"""Translates a parsed form to a Job: pure functions without I/O."""

from msgspec.structs import replace

from backends.base import Job
from backends.whisper_options import Decoding, VadParameters, options_set
from shim.errors import InvalidParameter, UnsupportedParameter

from . import languages, other_names
from .fields import ParsedForm
from .other_names import Task
from .protocol import ServerVad, TranscriptionForm


def to_job(parsed: ParsedForm, task: Task) -> Job:
    """Return the job that *parsed* describes on the route of *task*.

    OpenAI documents temperature 0 as "raise it until the log probability is good enough". That is
    the engine's own list of temperatures, which a request without a temperature gets too. Any other
    temperature is used alone.

    Raises UnsupportedParameter or InvalidParameter with the field's name.
    """
    form = parsed.form
    _check(form)
    combined = other_names.combined(form, task)
    return Job(
        task=combined.task,
        language=languages.code(form.language) if form.language else None,
        languages=tuple(map(languages.code, form.languages)),
        prompt=combined.prompt,
        word_timestamps=combined.word_timestamps,
        token_logprobs=bool(form.include),
        options=options_set(_decoding(form, parsed.decoding, combined.max_new_tokens)),
    )


def _check(form: TranscriptionForm) -> None:
    if form.response_format == "diarized_json":
        raise UnsupportedParameter("No model here tells speakers apart.", param="response_format")
    if "word" in form.timestamp_granularities and form.response_format != "verbose_json":
        raise InvalidParameter(
            "`timestamp_granularities` needs `response_format: verbose_json`.",
            param="timestamp_granularities",
        )
    if form.include and form.response_format != "json":
        raise InvalidParameter(
            "`include: logprobs` needs `response_format: json`.", param="include"
        )
    if form.stream and form.response_format not in ("json", "text"):
        raise InvalidParameter(
            f"`{form.response_format}` cannot be streamed.", param="response_format"
        )


def _decoding(form: TranscriptionForm, decoding: Decoding, max_new_tokens: int | None) -> Decoding:
    """Merge OpenAI's fields into the engine options.

    Raises InvalidParameter if a request sets both to different values.
    """
    options: dict[str, object] = {}
    if form.temperature:
        options["temperatures"] = (form.temperature,)
    if form.keywords:
        options["hotwords"] = ", ".join(form.keywords)
    if max_new_tokens is not None:
        options["max_new_tokens"] = max_new_tokens
    if form.chunking_strategy is not None:
        options["vad_filter"] = True
    if isinstance(form.chunking_strategy, ServerVad):
        options["vad_parameters"] = _vad(form.chunking_strategy)
    for name, value in options.items():
        if getattr(decoding, name) not in (None, value):
            raise InvalidParameter(f"`{name}` contradicts OpenAI's own field.", param=name)
    return replace(decoding, **options)


def _vad(strategy: ServerVad) -> VadParameters:
    """Return OpenAI's numbers as faster-whisper's, which pads speech before and after."""
    return VadParameters(
        threshold=strategy.threshold,
        min_silence_duration_ms=strategy.silence_duration_ms,
        speech_pad_ms=strategy.prefix_padding_ms,
    )
