"""What Litestar calls for an exception: it becomes an answer in OpenAI's shape."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from backends.failures import BackendError
from shim.errors import (
    OF_STATUS,
    UNFORESEEN,
    ApiError,
    ErrorAnswer,
    ErrorBody,
    Failure,
    describe,
    error_body,
)

from .paths import base_url


def _answer(failure: Failure, body: ErrorBody) -> Response[ErrorAnswer]:
    return Response(ErrorAnswer(body), status_code=failure.status, headers=failure.headers)


def _on_error(_: Request[Any, Any, Any], error: Exception) -> Response[ErrorAnswer]:
    return _answer(*describe(error))


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorAnswer]:
    """Litestar refused before any handler of ours ran."""
    if error.status_code >= UNFORESEEN:
        return _answer(*describe(error))
    failure = OF_STATUS.get(error.status_code, Failure(error.status_code))
    headers = {**failure.headers, **(error.headers or {})}
    if "allow" in headers:
        headers["allow"] = _allowed(error)
    body = error_body(failure, _message(request, error))
    return Response(ErrorAnswer(body), status_code=failure.status, headers=headers)


def _message(request: Request[Any, Any, Any], error: HTTPException) -> str:
    url = f"{request.method} {request.scope['path']}"
    match error.status_code:
        case 404:
            base = base_url(request.scope)
            return (
                f"Unknown request URL: {url}. The base URL of this server is {base}; where the "
                f"whole URL is wanted, it is that of a route, such as {base}/chat/completions."
            )
        case 405:
            return f"Not allowed: {url}. Allowed here: {_allowed(error)}."
        case 413:
            return _too_large(request)
        case _:
            return error.detail


def _allowed(error: HTTPException) -> str:
    return with_head((error.headers or {}).get("allow", ""))


def with_head(allow: str) -> str:
    """Return the value of an `Allow` header with HEAD, which the gate answers wherever GET is."""
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
    # Registered beside the others and not instead of them, or every 404 would become a 500.
    Exception: _on_error,
}
