"""Defines the errors of the HTTP side, and the status and JSON of every error.

The file is long so that the errors, their statuses and their JSON are in one place.
"""

import logging
import math
import re

from litestar.exceptions import HTTPException
from msgspec import Struct, ValidationError
from msgspec.json import encode
from msgspec.structs import replace

from backends.failures import (
    AudioTooCostly,
    AudioTooLarge,
    AudioTooLong,
    EmptyAudio,
    EngineBusy,
    EngineDead,
    InvalidRequest,
    NoAudio,
    PromptTooLong,
    TruncatedAudio,
    UndecodableAudio,
    UnknownLanguage,
    UnsupportedOption,
    UpstreamRefused,
    UpstreamTimeout,
)

log = logging.getLogger(__name__)

# ── errors of the HTTP side ───────────────────────────────────────────────────


class ApiError(Exception):
    """An error of the HTTP side. Each subclass is one meaning; its status is in `_STATUSES`."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """The path of the request's field that caused the error; None if it was not a field."""


class InvalidParameter(ApiError):
    """A value, or a whole body, that the API does not allow."""


class UnsupportedParameter(ApiError):
    """A parameter that is not honoured and would change the answer, or is unknown (strict mode)."""


class UnsupportedMedia(ApiError):
    """A body whose media type or charset the route does not read."""


class UnsupportedCoding(UnsupportedMedia):
    """A body with an unsupported Content-Encoding."""


class TooLarge(ApiError):
    """A body of more bytes than its route allows."""

    def __init__(self, limit: int, read: int) -> None:
        super().__init__(f"Maximum content size limit ({limit}) exceeded ({read} bytes read)")


class InvalidHttp(ApiError):
    """Bytes that are not a valid or an acceptable request of HTTP/1.1."""


class HeadTooLarge(ApiError):
    """A request whose line and headers have too many bytes, or that has too many headers."""

    def __init__(self, limit: int, *, headers: int) -> None:
        super().__init__(f"The request's head exceeds {limit} bytes or {headers} headers.")


class HeadTooSlow(ApiError):
    """A request whose head did not arrive in time."""


class BodyTooSlow(ApiError):
    """A request whose body arrived at less than the minimum rate."""


class ForbiddenOrigin(ApiError):
    """A request from a web page of another site, or for another host, to a server without a key."""


class InvalidKey(ApiError):
    """A request without a key, or with one that is not configured."""


class NotPermitted(ApiError):
    """A request that the client's key is valid for, but not permitted."""


class UnknownModel(ApiError):
    """A name that is not a model's, or a model of another kind than the route needs."""


class UnknownManifest(ApiError):
    """A hash that is not of any answer that the server remembers."""


class UnknownBatch(ApiError):
    """An id that is not of any batch of the client's."""


class UnknownFile(ApiError):
    """An id that is not of any file of the client's."""


class QuotaExceeded(ApiError):
    """A file for which the quota of all files has no room."""


class NotEnabled(ApiError):
    """A route that the settings do not switch on."""


class NotRecorded(ApiError):
    """A request that a replayed recording does not have."""


class Busy(ApiError):
    """The server is overloaded; the same request may succeed later."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        """*retry_after* is in seconds: a retry after that time is likely to succeed.

        It is sent as at most 60 seconds.
        """
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(Busy):
    """The model's queue is full."""


class WaitTooLong(Busy):
    """The request would get its slot long after its client has stopped waiting."""


class RateLimited(Busy):
    """The request's key has used up one of its rate limits."""


class TooManyConnections(Busy):
    """More connections are open than the limit allows."""


class StorageFull(Busy):
    """The disk that keeps uploads has too little space for this one."""


class ServerStopping(Busy):
    """The server is shutting down."""


class DeadlineExceeded(ApiError):
    """The request waited for a slot until its deadline; nothing was computed for it."""


class RequestTooLong(ApiError):
    """The request has taken longer than the server allows."""


class ModelFaulty(ApiError):
    """A model that has failed its self-test and answers no requests."""


class BodyMemoryFull(Busy):
    """The bodies of all requests in progress would take more bytes than the limit allows."""


class DecoderFailed(Busy):
    """The process that decodes large bodies died, or took too long."""


class NotReloaded(ApiError):
    """A configuration that cannot be served; the server goes on with the one that it had."""


class NotFinite(ApiError):
    """The engine returned NaN or infinity, which JSON cannot represent."""


class InjectedError(ApiError):
    """An error that the client ordered by the header `x-shim-fault`."""

    def __init__(self, status: int, *, retry_after: float | None = None) -> None:
        """*retry_after* is in seconds, from 0 to 60; None: without the headers."""
        super().__init__(f"Status {status} was ordered by `x-shim-fault`.")
        self.status = status
        self.retry_after = retry_after


class ClientGone(ApiError):
    """The client disconnected before its request was complete; it will not read this answer."""


# ── their JSON and their statuses ─────────────────────────────────────────────


class ErrorBody(Struct, frozen=True):
    """OpenAI's error; all four keys are always present."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorAnswer(Struct, frozen=True):
    """The body of every answer with an error."""

    error: ErrorBody


class ErrorStatus(Struct, frozen=True):
    """A status, and the type, the code and the headers that go with it."""

    status: int
    type: str = "invalid_request_error"
    code: str | None = None
    headers: dict[str, str] = {}


# OpenAI's released clients honour only values from 1 to 60.
_RETRY_LATER = {"retry-after": "10"}
# A faulty model is tested again within that time. But mostly an operator must repair it, and
# retries of OpenAI's client would only delay the error.
_NEXT_TEST = {"retry-after": "30", "x-should-retry": "false"}
_LONGEST_RETRY = 60.0
"""Most seconds in a `retry-after` header."""

_STATUSES: dict[type[BaseException], ErrorStatus] = {
    InvalidParameter: ErrorStatus(400),
    UnsupportedParameter: ErrorStatus(400, code="unsupported_parameter"),
    InvalidHttp: ErrorStatus(400, code="invalid_http"),
    HeadTooLarge: ErrorStatus(431, code="headers_too_large"),
    HeadTooSlow: ErrorStatus(408, code="request_timeout"),
    BodyTooSlow: ErrorStatus(408, code="request_timeout"),
    ForbiddenOrigin: ErrorStatus(403, code="forbidden_origin"),
    InvalidKey: ErrorStatus(401, code="invalid_api_key", headers={"www-authenticate": "Bearer"}),
    NotPermitted: ErrorStatus(403, code="insufficient_permissions"),
    UnknownModel: ErrorStatus(404, code="model_not_found"),
    UnknownManifest: ErrorStatus(404, code="manifest_not_found"),
    UnknownBatch: ErrorStatus(404, code="batch_not_found"),
    UnknownFile: ErrorStatus(404, code="file_not_found"),
    # Not a 5xx or 429: clients would send the file again, and nothing is deleted in between.
    QuotaExceeded: ErrorStatus(400, code="storage_quota_exceeded"),
    NotEnabled: ErrorStatus(404, code="not_enabled"),
    NotRecorded: ErrorStatus(404, code="not_recorded"),
    TooLarge: ErrorStatus(413, code="content_too_large"),
    UnsupportedMedia: ErrorStatus(415),
    # In an answer, accept-encoding lists the codings that a request may have (RFC 9110, 12.5.3).
    UnsupportedCoding: ErrorStatus(
        415, code="unsupported_encoding", headers={"accept-encoding": "gzip, deflate"}
    ),
    ClientGone: ErrorStatus(499),
    NotReloaded: ErrorStatus(400, code="not_reloaded"),
    NotFinite: ErrorStatus(500, "server_error", "not_finite", {"x-should-retry": "false"}),
    ModelFaulty: ErrorStatus(503, "service_unavailable_error", "model_unavailable", _NEXT_TEST),
    QueueFull: ErrorStatus(429, "rate_limit_error", "rate_limit_exceeded"),
    WaitTooLong: ErrorStatus(429, "rate_limit_error", "rate_limit_exceeded"),
    BodyMemoryFull: ErrorStatus(429, "rate_limit_error", "rate_limit_exceeded"),
    DeadlineExceeded: ErrorStatus(504, "server_error", "deadline_exceeded"),
    RequestTooLong: ErrorStatus(504, "server_error", "request_timeout"),
    RateLimited: ErrorStatus(429, "rate_limit_error", "rate_limit_exceeded"),
    Busy: ErrorStatus(503, "service_unavailable_error", "server_is_overloaded"),
    InvalidRequest: ErrorStatus(400),
    UnsupportedOption: ErrorStatus(400, code="unsupported_parameter"),
    PromptTooLong: ErrorStatus(400, code="context_length_exceeded"),
    UnknownLanguage: ErrorStatus(400, code="unsupported_language"),
    UndecodableAudio: ErrorStatus(400, code="unsupported_format"),
    NoAudio: ErrorStatus(400, code="no_audio"),
    EmptyAudio: ErrorStatus(400, code="empty_audio"),
    TruncatedAudio: ErrorStatus(400, code="truncated_audio"),
    AudioTooLong: ErrorStatus(400, code="audio_too_long"),
    AudioTooLarge: ErrorStatus(400, code="audio_too_large"),
    AudioTooCostly: ErrorStatus(400, code="audio_too_costly"),
    EngineBusy: ErrorStatus(429, "rate_limit_error", "rate_limit_exceeded"),
    EngineDead: ErrorStatus(503, "service_unavailable_error", "server_is_overloaded", _RETRY_LATER),
    UpstreamRefused: ErrorStatus(502, "server_error", "bad_upstream"),
    UpstreamTimeout: ErrorStatus(504, "server_error", "upstream_timeout"),
    Exception: ErrorStatus(500, "server_error"),
}

_INJECTED = {
    429: _STATUSES[QueueFull],
    503: _STATUSES[Busy],
}
"""What is sent with statuses that can be ordered, where it is more than a type."""

RATE_LIMITED = _STATUSES[RateLimited].status
"""The status of a refusal by a rate limit."""

UNFORESEEN = _STATUSES[Exception].status
"""The status for exceptions that are not in the table: their cause is only in the log."""

UNAVAILABLE = _STATUSES[EngineDead].status
"""The status of a server that runs but cannot answer, for now or for good."""

FRAMEWORK_STATUSES: dict[int, ErrorStatus] = {
    404: ErrorStatus(404, code="unknown_url"),
    405: ErrorStatus(405, code="method_not_allowed"),
    413: ErrorStatus(413, code="content_too_large"),
}
"""Errors that Litestar raises itself: unknown routes and methods, too large bodies."""


def describe(error: Exception) -> tuple[ErrorStatus, ErrorBody]:
    """Return the status and the JSON for *error*.

    An exception that is not in the table is logged, and its JSON has no details.
    """
    status = _status(error)
    if status is _STATUSES[Exception]:
        log.error("unforeseen error", exc_info=error)
        message = "The server had an error while processing your request."
        return status, ErrorBody(message, status.type)
    if isinstance(error, _WITH_TIME) and error.retry_after is not None:
        status = replace(status, headers={**status.headers, **_retry_after(error.retry_after)})
    return status, error_body(status, str(error), _param(error))


def status_of(error: Exception) -> int:
    """Return the status code of the answer to *error*."""
    return error.status_code if isinstance(error, HTTPException) else _status(error).status


_WITH_TIME = Busy | EngineBusy | EngineDead | InjectedError
"""Errors whose `retry_after` decides when a client tries again."""


def reason_of(error: Exception) -> str:
    """Return the name of the meaning of *error*, as in "queue_full"; "unforeseen" if it has none.

    For logs and metrics. Unlike the code, it distinguishes errors with the same answer.
    """
    kind = type(error)
    if _status(error) is _STATUSES[Exception] and not isinstance(error, HTTPException):
        return "unforeseen"
    return _CAPITAL.sub("_", kind.__name__.removesuffix("Exception")).lower()


_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def _status(error: Exception) -> ErrorStatus:
    if isinstance(error, InjectedError):
        kind = "server_error" if error.status >= UNFORESEEN else "invalid_request_error"
        return _INJECTED.get(error.status, ErrorStatus(error.status, kind))
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


_MESSAGE_BYTES = 1000
"""Most bytes of an error's message."""

_PARAM_BYTES = 200
"""Most bytes of an error's `param`."""


def error_body(status: ErrorStatus, message: str, param: str | None = None) -> ErrorBody:
    """Return the JSON of an error, of under 4 kB: *message* and *param* may repeat the request."""
    return ErrorBody(
        message=shortened(message, _MESSAGE_BYTES),
        type=status.type,
        param=None if param is None else shortened(param, _PARAM_BYTES),
        code=status.code,
    )


def shortened(text: str, most: int) -> str:
    """Return *text*, without its middle if its JSON takes more than about *most* bytes.

    The end is kept, because messages end with the path of the field that caused the error.
    """
    # A character takes up to 6 bytes in JSON: `\\u0000`.
    for keep in (most // 2, most // 4, most // 12):
        cut = text if len(text) <= 2 * keep else f"{text[:keep]} … {text[-keep:]}"
        if len(encode(cut)) <= most + len(encode(" … ")):
            break
    return cut


def _retry_after(seconds: float) -> dict[str, str]:
    """Return the headers that make a client retry after *seconds*, at most 60.

    OpenAI's client prefers the header in milliseconds. For the other one, its released versions
    accept only whole numbers from 1 to 60.
    """
    seconds = min(max(seconds, 0.0), _LONGEST_RETRY)
    return {
        "retry-after": str(max(math.ceil(seconds), 1)),
        "retry-after-ms": str(math.ceil(seconds * 1000)),
    }


def _param(error: Exception) -> str | None:
    match error:
        case ApiError():
            return error.param
        case InvalidRequest():
            return _FIELDS.get(error.option or "", error.option)
        case _:
            return None


_FIELDS = {"audio": "file", "top_logprobs": "logprobs"}
"""The wire's names of fields that have another name in `backends`."""


def invalid(error: ValidationError, within: str = "") -> InvalidParameter:
    """Return msgspec's *error* in OpenAI's words.

    *within* is the path of the decoded value in the request: empty for a whole body.
    """
    # Shortened before it is searched: it may repeat all of the request.
    message, path = shortened(str(error), _MESSAGE_BYTES), ""
    # Only the last path counts: repeated parts of the request can look like one.
    if match := re.fullmatch(r"(.*) - at (?:`key` in )?`\$(.*)`", message, re.DOTALL):
        message, path = match.groups()
    path = f"{within}{path}".removeprefix(".")
    message = message.replace("`", "'")
    if missing := re.search("missing required field '(.+)'", message):
        param = f"{path}.{missing[1]}".removeprefix(".")
        return InvalidParameter(f"Missing required parameter: '{param}'.", param=param)
    if not path:
        return InvalidParameter(f"Invalid body: {message}.")
    return InvalidParameter(f"Invalid value for '{path}': {message}.", param=path)
