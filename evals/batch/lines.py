"""Writes the lines of a batch, and reads those of its results, by the functions of `evals.ask`."""

from collections.abc import Iterator

import msgspec
import openai
from openai.types.audio import Transcription
from openai.types.chat import ChatCompletion

from evals.ask import chat, choices, transcription
from evals.ask.describe import UNREACHABLE, refusal, to_failure
from evals.ask.task import Task
from evals.dataset import Clip, Dialogue, MultipleChoice
from evals.failures import BatchFailed, SampleError
from evals.result import Answer, Failure
from evals.sending import Job

AnySample = Clip | Dialogue | MultipleChoice

ENDPOINTS: tuple[tuple[type, str], ...] = (
    (Clip, "/v1/audio/transcriptions"),
    (Dialogue, "/v1/chat/completions"),
    (MultipleChoice, "/v1/completions"),
)
"""The route of each kind of samples, as lines name it: also where the base URL has no `/v1`."""
PASSING = {408, 409, 429}
"""HTTP statuses below 500 that the SDK retries too."""
ERRORS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}
"""The SDK's exceptions for statuses below 500, so that a failure has the same name both ways."""
ANY_ERROR, SERVER_ERROR = 400, 500
"""The first HTTP status of an error, and of one of the server."""


def endpoint(sample: AnySample) -> str:
    """Return the route for *sample*."""
    return next(route for kind, route in ENDPOINTS if isinstance(sample, kind))


def custom_id(job: Job) -> str:
    """Return the name of *job* in a batch: the index of its sample, and its repeat."""
    return f"{job.sample.index}-{job.repeat}"


def line(job: Job, task: Task, clips: dict[str, str]) -> bytes:
    """Return the line that requests *job*; *clips* has the id of the file of each clip's path."""
    match job.sample:
        case Clip() as sample:
            body = transcription.body(task, sample)
            body |= {"file_id": clips[str(sample.audio)]}
        case Dialogue() as sample:
            body = chat.body(task, sample)
        case MultipleChoice() as sample:
            body = choices.body(task, sample)
    extra = body.pop("extra_body", None) or {}
    request = {
        "custom_id": custom_id(job),
        "method": "POST",
        "url": endpoint(job.sample),
        "body": body | extra,
    }
    return msgspec.json.encode(request) + b"\n"


class _Response(msgspec.Struct):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")
    request_id: str | None = None


class _Fault(msgspec.Struct):
    """Why a request was not run."""

    code: str | int | None = None
    message: str | None = None


class Line(msgspec.Struct):
    """A line of a file of results. A request that failed may have its error in either place."""

    custom_id: str
    response: _Response | None = None
    error: _Fault | None = None


def lines(content: bytes) -> Iterator[Line]:
    """Yield the lines of a file of results. Raises BatchFailed if one is not of that form."""
    for number, text in enumerate(content.split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            yield msgspec.json.decode(text, type=Line)
        except msgspec.DecodeError as error:
            raise BatchFailed(f"line {number} of the results: {error}") from error


def outcome(found: Line, task: Task, sample: AnySample, *, secret: str) -> Answer | Failure:
    """Return the answer in *found*, or the failure; *secret* is the key, which is removed of it."""
    response = found.response
    if response is None:
        fault = found.error or _Fault()
        name = str(fault.code or "no_response")
        said = _without(secret, fault.message or "the request was not run")
        return Failure(type=name, message=said, code=name)
    if response.status_code >= ANY_ERROR:
        return _refused(response, secret=secret)
    try:
        return _answer(response, task, sample)
    except SampleError as error:
        return to_failure(error, secret=secret)


def _answer(response: _Response, task: Task, sample: AnySample) -> Answer:
    content, request_id = bytes(response.body), response.request_id
    match sample:
        case Clip():
            made = _constructed(Transcription, content)
            return transcription.read(made, request_id=request_id)
        case Dialogue():
            made = _constructed(ChatCompletion, content)
            return chat.read(chat.body(task, sample), made, request_id=request_id)
        case MultipleChoice():
            request = choices.body(task, sample)
            return choices.read(request, sample, content, request_id=request_id)


def _constructed(kind: type[openai.BaseModel], content: bytes) -> object:
    """Return *content* as the SDK would, which checks no types, or as it is if it is no object."""
    value = msgspec.json.decode(content)
    return kind.construct(**value) if isinstance(value, dict) else value


def _refused(response: _Response, *, secret: str) -> Failure:
    """Return what `to_failure` makes of the SDK's exception for this status and this body."""
    status = response.status_code
    default = openai.InternalServerError if status >= SERVER_ERROR else openai.APIStatusError
    body = msgspec.json.decode(response.body)
    error = body.get("error", body) if isinstance(body, dict) else None
    fields = error if isinstance(error, dict) else {}
    code = fields.get("code")
    return Failure(
        type=ERRORS.get(status, default).__name__,
        message=_without(secret, refusal(status, fields)),
        status=status,
        code=None if code is None else str(code),
        request_id=response.request_id,
        unreachable=status in UNREACHABLE,
    )


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "[key]") if secret else text


def passes(failure: Failure) -> bool:
    """Return whether *failure* may pass, by the statuses that the SDK retries."""
    status = failure.status or 0
    return status in PASSING or status >= SERVER_ERROR
