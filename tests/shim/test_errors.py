"""Errors: their statuses, their JSON, and which details they have."""

import logging
from collections.abc import Iterator
from types import EllipsisType
from typing import Any, Literal

import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.exceptions import (
    HTTPException,
    ImproperlyConfiguredException,
    PermissionDeniedException,
)
from litestar.params import FromPath
from litestar.testing import TestClient
from msgspec import Struct

from backends import failures
from shim import errors
from shim.errors import describe, invalid
from shim.http.error_handlers import HANDLERS

UNAVAILABLE = "service_unavailable_error"
INVALID = "invalid_request_error"
UNSUPPORTED = "unsupported_parameter"

TABLE = [
    (errors.InvalidParameter("m", param="n"), 400, INVALID, None, "n"),
    (errors.UnsupportedParameter("m", param="n"), 400, INVALID, UNSUPPORTED, "n"),
    (errors.InvalidHttp("m"), 400, INVALID, "invalid_http", None),
    (errors.HeadTooLarge(10, headers=5), 431, INVALID, "headers_too_large", None),
    (errors.HeadTooSlow("m"), 408, INVALID, "request_timeout", None),
    (errors.BodyTooSlow("m"), 408, INVALID, "request_timeout", None),
    (errors.ForbiddenOrigin("m"), 403, INVALID, "forbidden_origin", None),
    (errors.InvalidKey("m"), 401, INVALID, "invalid_api_key", None),
    (errors.UnknownModel("m", param="model"), 404, INVALID, "model_not_found", "model"),
    (errors.UnknownManifest("m"), 404, INVALID, "manifest_not_found", None),
    (errors.UnknownBatch("m", param="id"), 404, INVALID, "batch_not_found", "id"),
    (errors.UnknownFile("m", param="id"), 404, INVALID, "file_not_found", "id"),
    (errors.QuotaExceeded("m", param="file"), 400, INVALID, "storage_quota_exceeded", "file"),
    (errors.NotEnabled("m"), 404, INVALID, "not_enabled", None),
    (errors.NotRecorded("m", param="n"), 404, INVALID, "not_recorded", "n"),
    (errors.TooLarge(10, 20), 413, INVALID, "content_too_large", None),
    (errors.UnsupportedMedia("m"), 415, INVALID, None, None),
    (errors.UnsupportedCoding("m"), 415, INVALID, "unsupported_encoding", None),
    (
        errors.InjectedError(429, retry_after=2),
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
        None,
    ),
    (errors.InjectedError(418), 418, INVALID, None, None),
    (errors.ClientGone("m"), 499, INVALID, None, None),
    (errors.BodyMemoryFull("m"), 429, "rate_limit_error", "rate_limit_exceeded", None),
    (errors.DecoderFailed("m"), 503, "service_unavailable_error", "server_is_overloaded", None),
    (errors.NotFinite("m"), 500, "server_error", "not_finite", None),
    (errors.ModelFaulty("m"), 503, UNAVAILABLE, "model_unavailable", None),
    (errors.QueueFull("m"), 429, "rate_limit_error", "rate_limit_exceeded", None),
    (errors.RateLimited("m"), 429, "rate_limit_error", "rate_limit_exceeded", None),
    (errors.NotPermitted("m"), 403, INVALID, "insufficient_permissions", None),
    (errors.NotReloaded("m"), 400, INVALID, "not_reloaded", None),
    (errors.WaitTooLong("m"), 429, "rate_limit_error", "rate_limit_exceeded", None),
    (errors.DeadlineExceeded("m"), 504, "server_error", "deadline_exceeded", None),
    (errors.RequestTooLong("m"), 504, "server_error", "request_timeout", None),
    (errors.Busy("m"), 503, UNAVAILABLE, "server_is_overloaded", None),
    (errors.StorageFull("m"), 503, UNAVAILABLE, "server_is_overloaded", None),
    (errors.TooManyConnections("m"), 503, UNAVAILABLE, "server_is_overloaded", None),
    (errors.ServerStopping("m"), 503, UNAVAILABLE, "server_is_overloaded", None),
    (failures.InvalidRequest("m"), 400, INVALID, None, None),
    (failures.InvalidOption("m", option="top_p"), 400, INVALID, None, "top_p"),
    (failures.UnsupportedOption("m", option="seed"), 400, INVALID, UNSUPPORTED, "seed"),
    (
        failures.PromptTooLong("m", option="messages"),
        400,
        INVALID,
        "context_length_exceeded",
        "messages",
    ),
    (
        failures.UnknownLanguage("m", option="language"),
        400,
        INVALID,
        "unsupported_language",
        "language",
    ),
    (failures.UndecodableAudio("m", option="audio"), 400, INVALID, "unsupported_format", "file"),
    (failures.NoAudio("m", option="audio"), 400, INVALID, "no_audio", "file"),
    (failures.EmptyAudio("m", option="audio"), 400, INVALID, "empty_audio", "file"),
    (failures.TruncatedAudio("m", option="audio"), 400, INVALID, "truncated_audio", "file"),
    (failures.AudioTooLong("m", option="audio"), 400, INVALID, "audio_too_long", "file"),
    (failures.AudioTooLarge("m", option="audio"), 400, INVALID, "audio_too_large", "file"),
    (failures.AudioTooCostly("m", option="audio"), 400, INVALID, "audio_too_costly", "file"),
    (failures.NoUpstream("m"), 503, UNAVAILABLE, "server_is_overloaded", None),
    (failures.NoUpstream("m", retry_after=99), 503, UNAVAILABLE, "server_is_overloaded", None),
    (failures.UpstreamLost("m"), 503, UNAVAILABLE, "server_is_overloaded", None),
    (failures.UpstreamTimeout("m"), 504, "server_error", "upstream_timeout", None),
    (failures.UpstreamRefused("m"), 502, "server_error", "bad_upstream", None),
    (
        failures.EngineBusy("m", retry_after=1),
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
        None,
    ),
    (failures.EngineDead("m"), 503, UNAVAILABLE, "server_is_overloaded", None),
]


@pytest.mark.parametrize(
    ("error", "status", "kind", "code", "param"), TABLE, ids=lambda value: type(value).__name__
)
def test_the_table(
    error: Exception, status: int, kind: str, code: str | None, param: str | None
) -> None:
    """Every error has its status, type, code and field, and keeps its message."""
    error_status, body = describe(error)

    assert error_status.status == status
    assert body == errors.ErrorBody(str(error), kind, param, code)


def with_subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Yield *kind* and all its subclasses."""
    yield kind
    for derived in kind.__subclasses__():
        yield from with_subclasses(derived)


def test_the_table_is_whole() -> None:
    """The table above has every error of Shim: one without a status would be a 500."""
    ours = {*with_subclasses(errors.ApiError), *with_subclasses(failures.BackendError)}

    untested = ours - {type(error) for error, *_ in TABLE}

    assert untested == {errors.ApiError, failures.BackendError}


def test_retry_after() -> None:
    """Only temporary errors have `retry-after`, with a value that every released client honours."""
    for error, status, *_ in TABLE:
        headers = describe(error)[0].headers

        assert ("retry-after" in headers) == (status in {429, 503})
        assert 1 <= int(headers.get("retry-after", 1)) <= 60


def test_an_unforeseen_error(caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error is a 500; its details are in the log, not in the answer."""
    with caplog.at_level(logging.ERROR):
        error_status, body = describe(ZeroDivisionError("secret"))

    assert (error_status.status, body.type) == (500, "server_error")
    assert "secret" not in body.message
    assert "secret" in caplog.text


@pytest.mark.parametrize("letter", ["a", "ü", "😀", "\x00", '"'])
def test_long_texts(letter: str) -> None:
    """A long message or path loses its middle, however many bytes its letters take in JSON."""
    error = errors.InvalidParameter(f"begin {letter * 1_000_000} end", param=letter * 1_000_000)

    error_status, body = describe(error)

    assert len(msgspec.json.encode(errors.ErrorAnswer(body))) < 2000
    assert error_status.status == 400
    assert body.message.startswith("begin ")
    assert body.message.endswith(" end")
    assert " … " in body.message
    assert body.param is not None
    assert " … " in body.param


@pytest.mark.parametrize("text", ["", "a" * 1000, "ü" * 300])
def test_short_texts(text: str) -> None:
    """A short message is not changed."""
    assert describe(errors.InvalidParameter(text))[1].message == text


def test_the_path_after_a_long_value() -> None:
    """An error of msgspec repeats a long value before the path; the path is still found."""
    body = msgspec.json.encode({"model": "m", "messages": [{"role": "x" * 10_000_000}]})
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Body)

    error = invalid(caught.value)

    assert error.param == "messages[0].role"
    assert len(str(error)) < 1200


def test_refusals_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is a normal answer, which `describe` does not log."""
    with caplog.at_level(logging.INFO):
        describe(errors.QueueFull("m"))

    assert caplog.text == ""


class Inner(Struct):
    """An object within a body."""

    role: Literal["a", "b"]


class Body(Struct, kw_only=True):
    """A body."""

    model: str
    n: int = 1
    messages: list[Inner] = []
    bias: dict[int, float] = {}


@pytest.mark.parametrize(
    ("body", "within", "message", "param"),
    [
        ("[]", "", "Invalid body: Expected 'object', got 'array'.", None),
        ("{}", "", "Missing required parameter: 'model'.", "model"),
        ("{}", "input[2]", "Missing required parameter: 'input[2].model'.", "input[2].model"),
        ("[]", "input[2]", "Invalid value for 'input[2]': Expected 'object', got 'array'.", ...),
        ('{"n": "5"}', "", "Invalid value for 'n': Expected 'int', got 'str'.", "n"),
        ('{"n": true}', "a", "Invalid value for 'a.n': Expected 'int', got 'bool'.", "a.n"),
        ('{"messages": [{}]}', "", "Missing required parameter: 'messages[0].role'.", ...),
        (
            '{"messages": [{"role": "x - at `$.y`"}]}',
            "",
            "Invalid value for 'messages[0].role': Invalid enum value 'x - at '$.y''.",
            "messages[0].role",
        ),
        ('{"bias": {"x": 1}}', "", "Invalid value for 'bias': Expected 'int', got 'str'.", "bias"),
    ],
)
def test_errors_of_msgspec(
    body: str, within: str, message: str, param: str | EllipsisType | None
) -> None:
    """An error of msgspec is in OpenAI's words, with the field's path and without backticks."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Body)

    error = invalid(caught.value, within)

    assert str(error) == message
    assert error.param == (message.split("'")[1] if param is ... else param)


# ── through Litestar ──────────────────────────────────────────────────────────

RAISED: dict[str, Exception] = {
    "ours": errors.UnsupportedMedia("m"),
    "engine": failures.EngineDead("m"),
    "forbidden": PermissionDeniedException("m"),
    "gone": HTTPException("m", status_code=410, headers={"x-why": "old"}),
    "framework": ImproperlyConfiguredException("secret"),
    "unforeseen": KeyError("secret"),
}


@get("/raise/{name:str}", sync_to_thread=False)
def fails(name: FromPath[str]) -> None:
    """Raise the error *name*."""
    raise RAISED[name]


@post("/echo", request_max_body_size=10)
async def echo(request: Request[Any, Any, Any]) -> Any:
    """Return the decoded body."""
    return await request.json()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    """Serve the two routes above."""
    with TestClient(Litestar([fails, echo], exception_handlers=HANDLERS)) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("ours", 415),
        ("engine", 503),
        ("forbidden", 403),
        ("gone", 410),
        ("framework", 500),
        ("unforeseen", 500),
    ],
)
def test_every_answer_has_the_form(client: TestClient[Litestar], name: str, status: int) -> None:
    """An error of any origin has all four keys, and its status and headers."""
    answer = client.get(f"/raise/{name}")

    body: dict[str, Any] = answer.json()
    assert answer.status_code == status
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert "secret" not in answer.text
    assert answer.headers.get("x-why") == ("old" if name == "gone" else None)


@pytest.mark.parametrize(
    ("request_", "status", "code", "message"),
    [
        (
            "GET /no",
            404,
            "unknown_url",
            (
                "Unknown request URL: GET /no. The base URL of this server is "
                "http://testserver.local/v1. A client that needs a whole URL needs that of a "
                "route, such as http://testserver.local/v1/chat/completions."
            ),
        ),
        (
            "PUT /echo",
            405,
            "method_not_allowed",
            "Method not allowed: PUT /echo. Allowed here: OPTIONS, POST.",
        ),
        (
            "POST /echo",
            413,
            "content_too_large",
            "Maximum content size limit (10) exceeded (23 bytes read)",
        ),
    ],
)
def test_errors_of_litestar(
    client: TestClient[Litestar], request_: str, status: int, code: str, message: str
) -> None:
    """Unknown routes, wrong methods and too large bodies are refused in OpenAI's shape."""
    answer = client.request(*request_.split(), content=b'{"a": 1111111111111111}')

    assert answer.status_code == status
    assert answer.json()["error"] == {
        "message": message,
        "type": INVALID,
        "param": None,
        "code": code,
    }
