"""Wire → engine values of transcriptions: pure functions, no I/O."""

from msgspec.structs import replace

from backends.base import Job
from backends.whisper_options import Decoding, VadParameters, options_set
from shim.errors import InvalidParameter, UnsupportedParameter

from . import languages, other_names
from .fields import Asked
from .other_names import Task
from .protocol import ServerVad, TranscriptionForm


def to_job(asked: Asked, task: Task) -> Job:
    """Translate what was asked; raise UnsupportedParameter or InvalidParameter, naming the field.

    OpenAI documents temperature 0 as "raise it as the log probability demands": that is the
    engine's own ladder, which is what an unset temperature gets too. Any other is used alone.
    """
    form = asked.form
    _check(form)
    task = other_names.task(form, task)
    other_names.check_language(form, task)
    return Job(
        task=task,
        language=languages.code(form.language) if form.language else None,
        languages=tuple(map(languages.code, form.languages)),
        prompt=other_names.prompt(form),
        word_timestamps=other_names.word_timestamps(form),
        token_logprobs=bool(form.include),
        options=options_set(_decoding(form, asked.decoding)),
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


def _decoding(form: TranscriptionForm, given: Decoding) -> Decoding:
    """Add to the engine options what OpenAI has other words for; refuse to be told it twice."""
    ours: dict[str, object] = {}
    if form.temperature:
        ours["temperatures"] = (form.temperature,)
    if form.keywords:
        ours["hotwords"] = ", ".join(form.keywords)
    if (limit := other_names.max_new_tokens(form)) is not None:
        ours["max_new_tokens"] = limit
    if form.chunking_strategy is not None:
        ours["vad_filter"] = True
    if isinstance(form.chunking_strategy, ServerVad):
        ours["vad_parameters"] = _vad(form.chunking_strategy)
    for name, value in ours.items():
        if getattr(given, name) not in (None, value):
            raise InvalidParameter(f"`{name}` says other than OpenAI's own field.", param=name)
    return replace(given, **ours)


def _vad(strategy: ServerVad) -> VadParameters:
    """Map OpenAI's three numbers to Silero's; its padding is before and after what is said."""
    return VadParameters(
        threshold=strategy.threshold,
        min_silence_duration_ms=strategy.silence_duration_ms,
        speech_pad_ms=strategy.prefix_padding_ms,
    )
