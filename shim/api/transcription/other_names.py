"""Combines OpenAI's fields with those of other servers for the same thing: pure functions."""

from typing import Literal, NamedTuple

from shim.errors import InvalidParameter, UnsupportedParameter

from . import languages
from .protocol import TranscriptionForm

Task = Literal["transcribe", "translate"]

_MOST_TOKENS = 448
"""Most tokens, of prompt and text together, that Whisper's decoder can hold. A limit that is not
lower has no effect."""


class Combined(NamedTuple):
    """What a form says by the names of all servers."""

    task: Task
    prompt: str | None
    word_timestamps: bool
    max_new_tokens: int | None
    """Most tokens of a window's text; None for no limit, or one without effect."""


def combined(form: TranscriptionForm, route: Task) -> Combined:
    """Return what *form* says, sent to the route of that task.

    Raises InvalidParameter if two of its names contradict each other, UnsupportedParameter for a
    `to_language` that Whisper cannot write.
    """
    task = _task(form, route)
    _check_language(form, task)
    return Combined(task, _prompt(form), _word_timestamps(form), _max_new_tokens(form))


def _task(form: TranscriptionForm, route: Task) -> Task:
    """Return the task of *form*, by default that of the *route*.

    Raises InvalidParameter if `task`, `translate` and the route contradict each other.
    """
    task = form.task
    if form.translate is not None:
        by_flag: Task = "translate" if form.translate else "transcribe"
        if task not in (None, by_flag):
            raise InvalidParameter("`translate` contradicts `task`.", param="translate")
        task = by_flag
    if route == "translate" and task == "transcribe":
        raise InvalidParameter(
            "This route translates: `/v1/audio/transcriptions` transcribes.",
            param="task" if form.task else "translate",
        )
    return task or route


def _check_language(form: TranscriptionForm, task: Task) -> None:
    """Raise UnsupportedParameter if `to_language` is one that Whisper cannot write for *task*."""
    if not form.to_language:
        return
    target = languages.code(form.to_language)
    spoken = languages.code(form.language) if form.language else None
    if target != ("en" if task == "translate" else spoken):
        raise UnsupportedParameter(
            "`to_language` is not supported by this server. Whisper translates into English alone "
            "(`task=translate`), and else writes the language that is spoken.",
            param="to_language",
        )


def _prompt(form: TranscriptionForm) -> str | None:
    """Return the prompt; raise InvalidParameter if the fields of its two names differ."""
    if form.prompt and form.initial_prompt and form.prompt != form.initial_prompt:
        raise InvalidParameter("`initial_prompt` contradicts `prompt`.", param="initial_prompt")
    return form.prompt or form.initial_prompt or None


def _word_timestamps(form: TranscriptionForm) -> bool:
    """Return whether words have timestamps; raise InvalidParameter if two fields contradict."""
    words = "word" in form.timestamp_granularities
    if words and form.word_timestamps is False:
        raise InvalidParameter(
            "`word_timestamps` contradicts `timestamp_granularities`.", param="word_timestamps"
        )
    return words or bool(form.word_timestamps)


def granularities(form: TranscriptionForm) -> set[str]:
    """Return what `verbose_json` lists with times: "segment", "word" or both.

    `word_timestamps`, as in faster-whisper, adds words to the segments.
    """
    return {
        *(form.timestamp_granularities or ["segment"]),
        *(["word"] if form.word_timestamps else []),
    }


def _max_new_tokens(form: TranscriptionForm) -> int | None:
    limit = form.max_completion_tokens
    return None if limit is None or limit >= _MOST_TOKENS else limit
