"""How a recording is transcribed that comes with a chat: the field `transcription` → a Job."""

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
"""The field of a request that holds these options, by the names of a transcription's form."""

_ELSEWHERE: dict[str, tuple[object, ...]] = {
    "model": (),
    "response_format": ("json", "text"),
    "stream": (False,),
    "include": ([],),
    "timestamp_granularities": ([],),
}
"""Fields of that form which say how it is answered, and the values that ask for a plain text."""

ELSEWHERE = frozenset(_ELSEWHERE)


def job(options: Mapping[str, Any] | None, *, temperature: float | None) -> Job:
    """Return what *options* ask for; *temperature* is the chat's, which they may override.

    Raises InvalidParameter or UnsupportedParameter, naming the field, also for unknown options.
    """
    with _within_field():
        asked = wire.asked(options or {})
        if asked.unknown:
            name = asked.unknown[0]
            raise UnsupportedParameter(f"There is no option `{name}`.", param=name)
        _refuse_elsewhere(asked.form)
        if asked.form.temperature is None:
            # Not checked against a transcription's bounds: a chat's are wider.
            asked = replace(asked, form=replace(asked.form, temperature=temperature))
        return to_job(asked, "transcribe")


def refuse_options(options: Mapping[str, Any] | None) -> None:
    """Raise UnsupportedParameter if there are *options*, for a model that does not transcribe."""
    if options:
        raise UnsupportedParameter(
            f"`{FIELD}` is for models that transcribe, which this one does not.", param=FIELD
        )


def _refuse_elsewhere(form: TranscriptionForm) -> None:
    for name, harmless in _ELSEWHERE.items():
        value = getattr(form, name)
        if value is not None and value not in harmless:
            raise UnsupportedParameter(
                f"`{name}` is honoured by `/v1/audio/transcriptions` only.", param=name
            )


@contextmanager
def _within_field() -> Iterator[None]:
    """Name the field that is at fault by its path in the whole request."""
    try:
        yield
    except ApiError as error:
        if error.param is not None:
            name, error.param = error.param, f"{FIELD}.{error.param}"
            said = str(error).replace(f"`{name}`", f"`{error.param}`")
            error.args = (said.replace(f"'{name}'", f"'{error.param}'"),)
        raise


def _names() -> Iterator[str]:
    for kind in (TranscriptionForm, Decoding):
        yield from (field.name for field in fields(kind))


PLACES = {name: f"{FIELD}.{name}" for name in _names()}
"""The seam's names of options, and where they stand in the request."""
