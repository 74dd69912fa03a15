"""Translates the field `transcription` of a chat or a response to a Job."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from msgspec.structs import fields, replace

from backends.base import Job
from backends.whisper_options import Decoding
from shim.api.transcription import fields as wire
from shim.api.transcription.protocol import TranscriptionForm
from shim.api.transcription.translate import to_job
from shim.errors import ApiError, UnsupportedParameter

FIELD = "transcription"
"""The field of a request with these options, which have the names of a transcription's form."""

_ELSEWHERE: dict[str, tuple[object, ...]] = {
    "model": (),
    "response_format": ("json", "text"),
    "stream": (False,),
    "include": ([],),
    "timestamp_granularities": ([],),
}
"""Field of a transcription's form that shapes the answer → its values that give a plain text."""

ELSEWHERE = frozenset(_ELSEWHERE)
"""Names of the form's fields that only `/v1/audio/transcriptions` honours."""


def job(options: Mapping[str, Any] | None, *, temperature: float | None) -> Job:
    """Return the job of *options*; *temperature* is the chat's, which they may override.

    Raises InvalidParameter or UnsupportedParameter with the field's path in the request, also for
    unknown options.
    """
    with _within_field():
        parsed = wire.parsed_form(options or {})
        if parsed.unknown:
            name = parsed.unknown[0]
            raise UnsupportedParameter(f"There is no option `{name}`.", param=name)
        _refuse_elsewhere(parsed.form)
        if parsed.form.temperature is None:
            # A transcription's bounds do not apply: a chat's are wider.
            parsed = replace(parsed, form=replace(parsed.form, temperature=temperature))
        return to_job(parsed, "transcribe")


def refuse_options(options: Mapping[str, Any] | None) -> None:
    """Raise UnsupportedParameter if there are *options*: the model does not transcribe."""
    if options:
        raise UnsupportedParameter(
            f"`{FIELD}` is for models that transcribe, which this one does not.", param=FIELD
        )


def _refuse_elsewhere(form: TranscriptionForm) -> None:
    for name, plain_values in _ELSEWHERE.items():
        value = getattr(form, name)
        if value is not None and value not in plain_values:
            raise UnsupportedParameter(
                f"`{name}` is honoured by `/v1/audio/transcriptions` only.", param=name
            )


@contextmanager
def _within_field() -> Iterator[None]:
    """Replace the name of an option in errors by its path in the whole request."""
    try:
        yield
    except ApiError as error:
        if error.param is not None:
            name, error.param = error.param, f"{FIELD}.{error.param}"
            message = str(error).replace(f"`{name}`", f"`{error.param}`")
            error.args = (message.replace(f"'{name}'", f"'{error.param}'"),)
        raise


def _names() -> Iterator[str]:
    for kind in (TranscriptionForm, Decoding):
        yield from (field.name for field in fields(kind))


PLACES = {name: f"{FIELD}.{name}" for name in _names()}
"""Name of an option in a backend's errors → the path of its field in the request."""
