"""Transcriptions: receive, look up, translate, admit, answer."""

from contextlib import closing
from typing import Any

from litestar import Controller, MediaType, Request, Response, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType

from shim.errors import InvalidParameter, UnsupportedMedia
from shim.models import Models
from shim.presence import collected, while_present

from .form import parse, receive
from .protocol import Transcription, VerboseTranscription
from .translate import answer, check, to_job


class TranscriptionController(Controller):
    """`POST /v1/audio/transcriptions`."""

    path = "/v1/audio/transcriptions"

    @post(status_code=200)
    async def create(
        self, request: Request[Any, Any, Any], models: NamedDependency[Models]
    ) -> Response[Transcription | VerboseTranscription | str]:
        """Write down what is said."""
        kind, parameters = request.content_type
        if kind != RequestEncodingType.MULTI_PART or "boundary" not in parameters:
            raise UnsupportedMedia("Send the recording as `multipart/form-data`.")
        with closing(await receive(request.stream(), parameters["boundary"])) as upload:
            form = parse(upload.fields)
            served = models.speech(form.model)
            check(form)
            if upload.file is None:
                raise InvalidParameter("The form has no `file`.", param="file")
            items = served.admission.admit(served.backend.transcribe(to_job(form, upload.file)))
            body = answer(form, await while_present(request, collected(items)))
        media = MediaType.TEXT if isinstance(body, str) else MediaType.JSON
        return Response(body, media_type=media)
