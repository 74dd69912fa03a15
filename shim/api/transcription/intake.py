"""A request, in either of its forms, into a judged job and a recording.

Key, model and parameters are judged before the recording is read, where they come before it.
"""

import io
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from litestar.enums import RequestEncodingType

from backends.base import Job, SpeechBackend
from shim.errors import InvalidParameter, UnsupportedMedia
from shim.http.request import ApiRequest
from shim.http.strict import is_strict
from shim.limits import Limits
from shim.parameters.refusals import refuse_unknown_names
from shim.serving.models import Models, ServedModel

from .fields import asked, nested
from .json_body import SILENCE, split
from .multipart_body import receive
from .multipart_part import Field
from .other_names import Task
from .protocol import TranscriptionForm
from .translate import to_job


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What is to be transcribed, by which model, and how it is answered."""

    audio: BinaryIO
    form: TranscriptionForm
    job: Job
    served: ServedModel[SpeechBackend]
    silence: str


async def received(request: ApiRequest, models: Models, task: Task) -> Recording:
    """Read *request*; raise what is wrong with it, as early as it is known."""
    kind, parameters = request.content_type
    strictly = is_strict(request)
    if kind == RequestEncodingType.JSON:
        fields, audio = await request.small_json(
            partial(split, field_bytes=request.limits.field_bytes)
        )
        if fields.get("model") is None:
            fields["model"] = models.first_speech()
        verdict = _judged(fields, models, task, strictly=strictly)
        return _recording(verdict, io.BytesIO(audio), SILENCE)
    if kind != RequestEncodingType.MULTI_PART or "boundary" not in parameters:
        raise UnsupportedMedia(
            "Send the recording as `multipart/form-data`, or in base64 as `application/json`."
        )

    def judge(fields: list[Field]) -> _Verdict:
        return _judged(nested(fields), models, task, strictly=strictly)

    limits: Limits = request.app.state.server.limits
    upload = await receive(
        request.stream(), parameters["boundary"], judge, field_bytes=limits.field_bytes
    )
    with ExitStack() as stack:
        stack.callback(upload.close)
        recording = _recording(judge(upload.fields), upload.file)
        stack.pop_all()  # the file is the recording's from here on
        return recording


@dataclass(frozen=True)
class _Verdict:
    form: TranscriptionForm
    job: Job
    served: ServedModel[SpeechBackend] | None
    """None where the model is not named, or not yet."""


def _judged(fields: dict[str, Any], models: Models, task: Task, *, strictly: bool) -> _Verdict:
    found = asked(fields)
    if strictly:
        refuse_unknown_names(found.unknown)
    job = to_job(found, task)
    if models.named(found.form.model) is None:
        return _Verdict(found.form, job, None)
    served = models.speech(found.form.model)
    served.backend.check(job)
    return _Verdict(found.form, job, served)


def _recording(verdict: _Verdict, audio: BinaryIO | None, silence: str = "") -> Recording:
    if audio is None:
        raise InvalidParameter("Missing required parameter: 'file'.", param="file")
    if verdict.served is None:
        raise InvalidParameter("Missing required parameter: 'model'.", param="model")
    return Recording(
        audio=audio, form=verdict.form, job=verdict.job, served=verdict.served, silence=silence
    )
