"""The tree of failures, their one JSON shape and their statuses: numbers live only here.

A little longer than a file should be, so that a failure, its number and its words stand together.
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
    EngineDead,
    InvalidRequest,
    NoAudio,
    PromptTooLong,
    TruncatedAudio,
    UndecodableAudio,
    UnknownLanguage,
    UnsupportedOption,
)

log = logging.getLogger(__name__)

# ── what the HTTP side raises ─────────────────────────────────────────────────


class ApiError(Exception):
    """A failure of the HTTP side, raised by meaning."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """The field of the request that is at fault, where it is one."""


class InvalidParameter(ApiError):
    """A value that OpenAI's contract does not allow."""


class UnsupportedParameter(ApiError):
    """A known parameter that cannot be honoured and would have changed the answer."""


class UnsupportedMedia(ApiError):
    """A body in a form that this route does not read."""


class UnsupportedCoding(UnsupportedMedia):
    """A body that is packed in a way that is not read here."""


class TooLarge(ApiError):
    """A body of more bytes than its route takes."""

    def __init__(self, limit: int, read: int) -> None:
        super().__init__(f"Maximum content size limit ({limit}) exceeded ({read} bytes read)")


class InvalidHttp(ApiError):
    """Bytes that are not a request of HTTP/1.1."""


class HeadTooLarge(ApiError):
    """A request whose line and headers have too many bytes."""

    def __init__(self, limit: int, *, headers: int) -> None:
        super().__init__(f"The request's head exceeds {limit} bytes or {headers} headers.")


class HeadTooSlow(ApiError):
    """A request whose head was not complete in time."""


class BodyTooSlow(ApiError):
    """A request whose body arrived at less than the least rate."""


class ForbiddenOrigin(ApiError):
    """A request that a web page of another site sent, to a server without a key."""


class InvalidKey(ApiError):
    """No key, or one that is not among the configured."""


class UnknownModel(ApiError):
    """A name that no model here has, or a model of another kind."""


class UnknownManifest(ApiError):
    """A hash that no remembered answer has."""


class Busy(ApiError):
    """The server has too much to do; the same request may succeed later."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        """Take the seconds after which a retry is likely to succeed: from 0 to 60."""
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(Busy):
    """More requests wait than the model's queue holds."""


class TooManyConnections(Busy):
    """More connections are open than the server is set to have."""


class StorageFull(Busy):
    """The disk on which uploads are kept has no room for this one."""


class ServerStopping(Busy):
    """The server has been told to stop."""


class ModelFaulty(ApiError):
    """A model that has failed its self-test: it cannot answer anybody."""


class BodyMemoryFull(Busy):
    """The bodies of the requests in progress take as many bytes together as the server allows."""


class DecoderFailed(Busy):
    """The process that decodes large bodies died, or took too long."""


class NotFinite(ApiError):
    """An engine's numbers that are none: JSON has no NaN, and nobody can compute with one."""


class ClientGone(ApiError):
    """The client left before its request was complete: nobody reads this."""


# ── how they look from outside ────────────────────────────────────────────────


class ErrorBody(Struct, frozen=True):
    """OpenAI's error: all four keys always."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorAnswer(Struct, frozen=True):
    """The body of every answer that is not a success."""

    error: ErrorBody


class ErrorStatus(Struct, frozen=True):
    """A status with the type and code that go with it."""

    status: int
    type: str = "invalid_request_error"
    code: str | None = None
    headers: dict[str, str] = {}


# Seconds within 1..60, the only ones that every released client honours.
_RETRY_LATER = {"retry-after": "10"}
# A faulty model is tested again by then. But mostly an operator has to mend it: the stock client's
# retries would only delay the news.
_NEXT_TEST = {"retry-after": "30", "x-should-retry": "false"}
_LONGEST_RETRY = 60.0

_STATUSES: dict[type[BaseException], ErrorStatus] = {
    InvalidParameter: ErrorStatus(400),
    UnsupportedParameter: ErrorStatus(400, code="unsupported_parameter"),
    InvalidHttp: ErrorStatus(400, code="invalid_http"),
    HeadTooLarge: ErrorStatus(431, code="headers_too_large"),
    HeadTooSlow: ErrorStatus(408, code="request_timeout"),
    BodyTooSlow: ErrorStatus(408, code="request_timeout"),
    ForbiddenOrigin: ErrorStatus(403, code="forbidden_origin"),
    InvalidKey: ErrorStatus(401, code="invalid_api_key", headers={"www-authenticate": "Bearer"}),
    UnknownModel: ErrorStatus(404, code="model_not_found"),
    UnknownManifest: ErrorStatus(404, code="manifest_not_found"),
    TooLarge: ErrorStatus(413, code="content_too_large"),
    UnsupportedMedia: ErrorStatus(415),
    # RFC 9110, 12.5.3: in an answer, the codings that a request may have.
    UnsupportedCoding: ErrorStatus(
        415, code="unsupported_encoding", headers={"accept-encoding": "gzip, deflate"}
    ),
    ClientGone: ErrorStatus(499),
    NotFinite: ErrorStatus(500, "server_error", "not_finite", {"x-should-retry": "false"}),
    ModelFaulty: ErrorStatus(503, "service_unavailable_error", "model_unavailable", _NEXT_TEST),
    QueueFull: ErrorStatus(429, "rate_limit_error", "rate_limit_exceeded"),
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
    EngineDead: ErrorStatus(503, "service_unavailable_error", "server_is_overloaded", _RETRY_LATER),
    Exception: ErrorStatus(500, "server_error"),
}

UNFORESEEN = _STATUSES[Exception].status
"""The status of an answer whose cause is in the log."""

UNAVAILABLE = _STATUSES[EngineDead].status
"""The status of a server that is alive but cannot answer yet, or any more."""

# What the framework raises by itself: unknown routes, methods, sizes.
FRAMEWORK_STATUSES: dict[int, ErrorStatus] = {
    404: ErrorStatus(404, code="unknown_url"),
    405: ErrorStatus(405, code="method_not_allowed"),
    413: ErrorStatus(413, code="content_too_large"),
}


def describe(error: Exception) -> tuple[ErrorStatus, ErrorBody]:
    """Return how *error* is reported; an unforeseen one is logged and reported without detail."""
    failure = _failure(error)
    if failure is _STATUSES[Exception]:
        log.error("unforeseen failure", exc_info=error)
        message = "The server had an error while processing your request."
        return failure, ErrorBody(message, failure.type)
    if isinstance(error, Busy):
        failure = replace(failure, headers={**failure.headers, **_retry_after(error.retry_after)})
    return failure, error_body(failure, str(error), _param(error))


def status_of(error: Exception) -> int:
    """Return the status with which *error* is answered."""
    return error.status_code if isinstance(error, HTTPException) else _failure(error).status


def _failure(error: Exception) -> ErrorStatus:
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


_MESSAGE_BYTES = 1000
_PARAM_BYTES = 200


def error_body(failure: ErrorStatus, message: str, param: str | None = None) -> ErrorBody:
    """Return the error, under 4 kB of JSON: messages and paths may repeat what was sent."""
    return ErrorBody(
        message=shortened(message, _MESSAGE_BYTES),
        type=failure.type,
        param=None if param is None else shortened(param, _PARAM_BYTES),
        code=failure.code,
    )


def shortened(text: str, most: int) -> str:
    """Return *text*, without its middle if it takes more than about *most* bytes of JSON.

    The end stays, because messages end with the path of the field that is at fault.
    """
    # A character takes up to 6 bytes: `\\u0000`.
    for keep in (most // 2, most // 4, most // 12):
        cut = text if len(text) <= 2 * keep else f"{text[:keep]} … {text[-keep:]}"
        if len(encode(cut)) <= most + len(encode(" … ")):
            break
    return cut


def _retry_after(seconds: float) -> dict[str, str]:
    """Return the headers by which a client is asked to come back in *seconds*.

    The stock client prefers the one in milliseconds. Of the other released clients honour whole
    numbers from 1 to 60 only.
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


# Where the seam's word for a field is not the wire's.
_FIELDS = {"audio": "file", "top_logprobs": "logprobs"}


def invalid(error: ValidationError, within: str = "") -> InvalidParameter:
    """Return msgspec's *error*, about what stands at the path *within*, as OpenAI words it."""
    # Before it is searched: it may repeat all that was sent.
    said, path = shortened(str(error), _MESSAGE_BYTES), ""
    # The last path that it names: what was sent, which it may repeat, can look like one.
    if placed := re.fullmatch(r"(.*) - at (?:`key` in )?`\$(.*)`", said, re.DOTALL):
        said, path = placed.groups()
    path = f"{within}{path}".removeprefix(".")
    said = said.replace("`", "'")
    if missing := re.search("missing required field '(.+)'", said):
        param = f"{path}.{missing[1]}".removeprefix(".")
        return InvalidParameter(f"Missing required parameter: '{param}'.", param=param)
    if not path:
        return InvalidParameter(f"Invalid body: {said}.")
    return InvalidParameter(f"Invalid value for '{path}': {said}.", param=path)
