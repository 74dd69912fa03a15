"""Reads a transcription request, multipart or JSON, into a prepared job and a recording.

Fields that precede the file are validated before the file is read, so a bad request is refused
early.
"""

import io
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, BinaryIO

from litestar.enums import RequestEncodingType

from backends.base import Prepared, SpeechBackend
from shim.api.full_queues import refuse_if_full
from shim.errors import InvalidParameter, UnsupportedMedia
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
from .json_body import SILENCE, split
from .other_names import Task
from .protocol import TranscriptionForm
from .translate import to_job


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A validated request: the recording, the model that transcribes it, and the form."""

    audio: BinaryIO
    """The encoded recording; whoever holds this object closes it."""
    form: TranscriptionForm
    prepared: Prepared
    served: ServedModel[SpeechBackend]
    silence: str
    """The text of the answer where nothing was said."""


async def read_request(request: ApiRequest, models: Models, task: Task) -> Recording:
    """Read and validate *request*, which came to the route of *task*.

    Raises UnsupportedMedia for another content type, InvalidParameter or UnsupportedParameter for a
    field, what the model look-up and the backend's `prepare` raise, and QueueFull; all as early as
    possible.
    """
    kind, parameters = request.content_type
    strictly = is_strict(request)
    if kind == RequestEncodingType.JSON:
        fields, audio = await request.small_json(
            partial(split, field_bytes=request.limits.field_bytes)
        )
        if fields.get("model") is None:
            fields["model"] = models.first_speech()
        validated = _validated(fields, models, task, strictly=strictly)
        return _recording(validated, io.BytesIO(audio), SILENCE)
    if kind != RequestEncodingType.MULTI_PART or "boundary" not in parameters:
        raise UnsupportedMedia(
            "Send the recording as `multipart/form-data`, or in base64 as `application/json`."
        )

    @cache  # in most forms no field follows the file, so the second call gets the same fields
    def validate(*fields: Field) -> _Validated:
        validated = _validated(nested(fields), models, task, strictly=strictly)
        if validated.accepted is not None:
            refuse_if_full(request, validated.accepted[0].admission)
        return validated

    upload = await receive(
        request.stream(),
        parameters["boundary"],
        lambda fields: validate(*fields),
        _form(request.limits),
    )
    with ExitStack() as stack:
        stack.callback(upload.close)
        file = None if upload.spool is None else upload.spool.file
        recording = _recording(validate(*upload.fields), file)
        stack.pop_all()  # the Recording owns the file from here on
        return recording


def _form(limits: Limits) -> Form[Spool]:
    return Form(is_known=is_known, new_spool=Spool, field_bytes=limits.field_bytes)


async def refuse_unknown(request: ApiRequest) -> None:
    """Raise UnsupportedParameter for a field without a meaning, and what its reading raises.

    For a request that another server answers: its values are not checked here.
    """
    kind, parameters = request.content_type
    if kind == RequestEncodingType.JSON:
        fields, _ = await request.small_json(partial(split, field_bytes=request.limits.field_bytes))
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


def _recording(validated: _Validated, audio: BinaryIO | None, silence: str = "") -> Recording:
    if audio is None:
        raise InvalidParameter("Missing required parameter: 'file'.", param="file")
    if validated.accepted is None:
        raise InvalidParameter("Missing required parameter: 'model'.", param="model")
    served, prepared = validated.accepted
    return Recording(
        audio=audio, form=validated.form, prepared=prepared, served=served, silence=silence
    )
