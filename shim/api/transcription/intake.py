"""Reads a transcription request, multipart or JSON, into a prepared job and its recordings.

Fields that precede the file are validated before the file is read, so a bad request is refused
early.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, BinaryIO

from litestar.enums import RequestEncodingType

from backends.base import Prepared, SpeechBackend
from shim.api.full_queues import refuse_if_full
from shim.errors import ApiError, InvalidParameter, UnsupportedMedia
from shim.http.multipart_body import Form, receive
from shim.http.multipart_part import Field
from shim.http.request import ApiRequest
from shim.http.spool import Spool
from shim.http.strict import is_strict
from shim.limits import Limits
from shim.parameters.refusals import refuse_unknown_names
from shim.serving.models import Models
from shim.serving.served_model import ServedModel

from .fields import is_known, nested, parsed_form
from .json_body import MANY, ONE, SILENCE, Split, split
from .opening import Recording, opened
from .other_names import Task
from .protocol import TranscriptionForm
from .translate import to_job


@dataclass(frozen=True, kw_only=True)
class SpeechRequest:
    """A validated request: its recordings, the model that transcribes them, and the form."""

    recordings: Sequence[Recording]
    """At least one."""
    listed: bool = False
    """Whether the request has a list of recordings, and gets a list of answers."""
    form: TranscriptionForm
    prepared: Prepared
    served: ServedModel[SpeechBackend]
    silence: str = ""
    """The text of the answer where nothing was said."""

    @property
    def only(self) -> tuple[BinaryIO, str]:
        """The recording of a request that is not listed, and its place; raises its error."""
        (recording,) = self.recordings
        if isinstance(recording.audio, ApiError):
            raise recording.audio
        return recording.audio, recording.place


async def read_request(
    request: ApiRequest, models: Models, task: Task, stack: ExitStack
) -> SpeechRequest:
    """Read and validate *request*, which came to the route of *task*; *stack* closes its files.

    Raises UnsupportedMedia for another content type, InvalidParameter or UnsupportedParameter for a
    field, what the model look-up and the backend's `prepare` raise, and QueueFull; all as early as
    possible.
    """
    kind, parameters = request.content_type
    if kind == RequestEncodingType.JSON:
        return await _read_json(request, models, task, stack)
    if kind != RequestEncodingType.MULTI_PART or "boundary" not in parameters:
        raise UnsupportedMedia(
            "Send the recording as `multipart/form-data`, or in base64 as `application/json`."
        )
    return await _read_form(request, models, task, stack, boundary=parameters["boundary"])


async def _read_json(
    request: ApiRequest, models: Models, task: Task, stack: ExitStack
) -> SpeechRequest:
    body = await _split(request)
    fields = body.fields
    if fields.get("model") is None:
        fields["model"] = models.first_speech()
    validated = _validated(fields, models, task, strictly=is_strict(request))
    form, (served, prepared) = validated.form, _accepted(validated)
    if body.listed:
        if form.stream:
            raise InvalidParameter(
                f"`stream` needs `{ONE}`: `{MANY}` is not streamed.", param="stream"
            )
        served.refuse_beyond_capacity(len(body.sources), MANY)
    refuse_if_full(request, served.admission)
    return SpeechRequest(
        recordings=await opened(body.sources, request, stack),
        listed=body.listed,
        form=form,
        prepared=prepared,
        served=served,
        silence=SILENCE,
    )


async def _split(request: ApiRequest) -> Split:
    limits = request.limits
    return await request.small_json(
        partial(split, field_bytes=limits.field_bytes, files=limits.files)
    )


async def _read_form(
    request: ApiRequest, models: Models, task: Task, stack: ExitStack, *, boundary: str
) -> SpeechRequest:
    strictly = is_strict(request)

    @cache  # in most forms no field follows the file, so the second call gets the same fields
    def validate(*fields: Field) -> _Validated:
        validated = _validated(nested(fields), models, task, strictly=strictly)
        if validated.accepted is not None:
            refuse_if_full(request, validated.accepted[0].admission)
        return validated

    upload = await receive(
        request.stream(),
        boundary,
        lambda fields: validate(*fields),
        _form(request.limits),
    )
    stack.callback(upload.close)
    validated = validate(*upload.fields)
    if upload.spool is None:
        raise InvalidParameter(f"Missing required parameter: '{ONE}'.", param=ONE)
    served, prepared = _accepted(validated)
    return SpeechRequest(
        recordings=[Recording(audio=upload.spool.file)],
        form=validated.form,
        prepared=prepared,
        served=served,
    )


def _form(limits: Limits) -> Form[Spool]:
    return Form(is_known=is_known, new_spool=Spool, field_bytes=limits.field_bytes)


async def refuse_unknown(request: ApiRequest) -> None:
    """Raise UnsupportedParameter for a field without a meaning, and what its reading raises.

    For a request that another server answers: its values are not checked here.
    """
    kind, parameters = request.content_type
    if kind == RequestEncodingType.JSON:
        fields = (await _split(request)).fields
    else:
        upload = await receive(
            request.stream(),
            parameters["boundary"],
            lambda _: None,
            _form(request.limits),
        )
        upload.close()
        fields = nested(upload.fields)
    refuse_unknown_names(parsed_form(fields).unknown)


@dataclass(frozen=True)
class _Validated:
    form: TranscriptionForm
    accepted: tuple[ServedModel[SpeechBackend], Prepared] | None
    """The model and the job it accepted; None if no field so far names the model."""


def _validated(fields: dict[str, Any], models: Models, task: Task, *, strictly: bool) -> _Validated:
    parsed = parsed_form(fields)
    if strictly:
        refuse_unknown_names(parsed.unknown)
    job = to_job(parsed, task)
    if models.named(parsed.form.model) is None:
        return _Validated(parsed.form, None)
    served = models.speech(parsed.form.model)
    return _Validated(parsed.form, (served, served.backend.prepare(job)))


def _accepted(validated: _Validated) -> tuple[ServedModel[SpeechBackend], Prepared]:
    if validated.accepted is None:
        raise InvalidParameter("Missing required parameter: 'model'.", param="model")
    return validated.accepted
