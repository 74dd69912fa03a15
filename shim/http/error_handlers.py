"""Litestar's exception handlers: they turn exceptions into answers in OpenAI's shape."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from backends.failures import BackendError
from shim.errors import (
    FRAMEWORK_STATUSES,
    UNFORESEEN,
    ApiError,
    ErrorAnswer,
    ErrorBody,
    ErrorStatus,
    describe,
    error_body,
)

from .paths import base_url


def _answer(status: ErrorStatus, body: ErrorBody) -> Response[ErrorAnswer]:
    return Response(ErrorAnswer(body), status_code=status.status, headers=status.headers)


def _on_error(_: Request[Any, Any, Any], error: Exception) -> Response[ErrorAnswer]:
    return _answer(*describe(error))


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorAnswer]:
    """Return the answer for an error that Litestar raised before a handler of Shim ran."""
    if error.status_code >= UNFORESEEN:
        return _answer(*describe(error))
    status = FRAMEWORK_STATUSES.get(error.status_code, ErrorStatus(error.status_code))
    headers = {**status.headers, **(error.headers or {})}
    if "allow" in headers:
        headers["allow"] = _allowed(error)
    body = error_body(status, _message(request, error))
    return Response(ErrorAnswer(body), status_code=status.status, headers=headers)


def _message(request: Request[Any, Any, Any], error: HTTPException) -> str:
    url = f"{request.method} {request.scope['path']}"
    match error.status_code:
        case 404:
            base = base_url(request.scope)
            return (
                f"Unknown request URL: {url}. The base URL of this server is {base}. A client "
                f"that needs a whole URL needs that of a route, such as {base}/chat/completions."
            )
        case 405:
            return f"Method not allowed: {url}. Allowed here: {_allowed(error)}."
        case 413:
            return _too_large(request)
        case _:
            return error.detail


def _allowed(error: HTTPException) -> str:
    return with_head((error.headers or {}).get("allow", ""))


def with_head(allow: str) -> str:
    """Return the value of an `Allow` header, with HEAD added where GET is allowed.

    `FirstChecks` turns HEAD into GET, so Litestar does not know of it.
    """
    methods = {method.strip() for method in allow.split(",")}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _too_large(request: Request[Any, Any, Any]) -> str:
    limit = request.route_handler.resolve_request_max_body_size()
    read = request.headers.get("content-length", "more")
    return f"Maximum content size limit ({limit}) exceeded ({read} bytes read)"


HANDLERS: ExceptionHandlersMap = {
    HTTPException: _on_http,
    ApiError: _on_error,
    BackendError: _on_error,
    # Beside the others and not instead of them: otherwise every 404 would become a 500.
    Exception: _on_error,
}
