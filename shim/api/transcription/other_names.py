"""What other servers have other names for, and how the names go together: pure functions."""

from typing import Literal

from shim.errors import InvalidParameter, UnsupportedParameter

from . import languages
from .protocol import TranscriptionForm

Task = Literal["transcribe", "translate"]

_MOST_TOKENS = 448
"""Tokens that Whisper's decoder holds, a prompt's included: a larger limit is none."""


def task(form: TranscriptionForm, route: Task) -> Task:
    """Return what *form* wants done on *route*; raise InvalidParameter where two names differ."""
    wanted = form.task
    if form.translate is not None:
        said: Task = "translate" if form.translate else "transcribe"
        if wanted not in (None, said):
            raise InvalidParameter("`translate` says other than `task`.", param="translate")
        wanted = said
    if route == "translate" and wanted == "transcribe":
        raise InvalidParameter(
            "This route translates: `/v1/audio/transcriptions` transcribes.",
            param="task" if form.task else "translate",
        )
    return wanted or route


def check_language(form: TranscriptionForm, task: Task) -> None:
    """Raise UnsupportedParameter if the text is to be in a language that Whisper cannot write."""
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


def prompt(form: TranscriptionForm) -> str | None:
    """Return the prompt; raise InvalidParameter where its two names differ."""
    if form.prompt and form.initial_prompt and form.prompt != form.initial_prompt:
        raise InvalidParameter("`initial_prompt` says other than `prompt`.", param="initial_prompt")
    return form.prompt or form.initial_prompt or None


def word_timestamps(form: TranscriptionForm) -> bool:
    """Return whether words' times are found; raise InvalidParameter where two names differ."""
    wanted = "word" in form.timestamp_granularities
    if wanted and form.word_timestamps is False:
        raise InvalidParameter(
            "`word_timestamps` says other than `timestamp_granularities`.", param="word_timestamps"
        )
    return wanted or bool(form.word_timestamps)


def granularities(form: TranscriptionForm) -> set[str]:
    """Return what `verbose_json` tells times of: faster-whisper's words come with its segments."""
    return {
        *(form.timestamp_granularities or ["segment"]),
        *(["word"] if form.word_timestamps else []),
    }


def max_new_tokens(form: TranscriptionForm) -> int | None:
    """Return the limit of a window's tokens, None where it could never be reached."""
    limit = form.max_completion_tokens
    return None if limit is None or limit >= _MOST_TOKENS else limit
