"""Passes a request on if its model is on other servers: a controller's first step.

Each function returns the answer, or None if the model is not remote: the controller then reads the
request as if nothing had happened. Where no model is remote, that takes one comparison.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from litestar.enums import RequestEncodingType

from backends.base import RemoteBackend, RemoteBody, RemoteHead, RemoteRequest
from shim.http.json_peek import Peeked
from shim.http.request import ApiRequest
from shim.http.request_id import HEADER as REQUEST_ID
from shim.http.spool import Spool
from shim.http.strict import is_strict
from shim.serving.deadline import DEADLINE
from shim.serving.models import Models
from shim.serving.request_metrics import Route
from shim.serving.request_record import CURRENT
from shim.serving.served_model import ServedModel

from .answer import Ending, RemoteAnswer, error_and_done
from .forms import kept, read_form
from .usage import with_usage

Check = Callable[[ApiRequest], Awaitable[object]]
"""Reads a request as its own route does; raises for a parameter that strict mode refuses."""

_AFFINITY_BYTES = 1024
"""Bytes at the beginning of a body by which requests are alike: those of a system prompt."""

_SESSION = "x-session-id"
"""The header by which a client names requests that belong together."""


async def passed_on(
    request: ApiRequest,
    models: Models,
    path: str,
    *,
    check: Check,
    route: Route | None = None,
    at_root: bool = False,
    ending: Ending = error_and_done,
) -> RemoteAnswer | None:
    """Return the answer to *request*, whose body is JSON, or None if its model is not remote.

    *path* is that of RemoteRequest. Without a *route* the request needs no slot, and is not
    measured. *ending* ends a stream that fails. Raises what `RemoteBackend.send`, `Admission` and
    the reading of a body do.
    """
    if not models.has_remote:
        return None
    found, content = await request.peek()
    if found is None or (served := models.remote(found.model)) is None:
        return None
    if is_strict(request):
        await check(request)
    else:
        request.take_peeked()  # it is kept no longer than the answer needs it
    sent = RemoteRequest(
        path=_with_query(request, path),
        at_root=at_root,
        headers=_headers(request, content_type=b"application/json"),
        body=_body(found, content),
        affinity=_affinity(request, content),
        start_by=DEADLINE.get().start_by,
    )
    return await _answer(sent, served, route, streamed=found.stream, ending=ending)


async def passed_on_form(
    request: ApiRequest, models: Models, path: str, *, check: Check, route: Route
) -> RemoteAnswer | None:
    """Do what `passed_on` does for a request whose body may also be a multipart form."""
    if not models.has_remote:
        return None
    kind, parameters = request.content_type
    if kind != RequestEncodingType.MULTI_PART or "boundary" not in parameters:
        return await passed_on(request, models, path, check=check, route=route)
    with ExitStack() as stack:
        spool = Spool()
        stack.callback(spool.close)
        form = await read_form(request, models, parameters["boundary"], spool)
        if form is None:
            stack.pop_all()  # the replayed stream closes it
            return None
        served, body = form
        if is_strict(request):
            request.replay(kept(spool))
            await check(request)
        sent = RemoteRequest(
            path=_with_query(request, path),
            headers=_headers(request),
            body=body,
            start_by=DEADLINE.get().start_by,
        )
        # The answer owns the form from here on: it may be sent to several servers.
        return await _answer(sent, served, route, streamed=True, holding=stack)


async def passed_on_get(
    request: ApiRequest,
    served: ServedModel[RemoteBackend],
    path: str,
    *,
    at_root: bool = False,
    everywhere: bool = False,
) -> RemoteAnswer:
    """Return the answer of *served* to a request without a body; *everywhere*: RemoteRequest's."""
    sent = RemoteRequest(
        method="GET",
        path=path,
        at_root=at_root,
        everywhere=everywhere,
        headers=_headers(request),
    )
    return await _answer(sent, served, None, streamed=False)


async def _answer(
    sent: RemoteRequest,
    served: ServedModel[RemoteBackend],
    route: Route | None,
    *,
    streamed: bool,
    ending: Ending = error_and_done,
    holding: ExitStack | None = None,
) -> RemoteAnswer:
    """Send the request; return the answer once its first bytes are there, while it can still fail.

    What *holding* has to close is closed by the answer, or here if there is none.
    """
    items = with_usage(served.backend.send(sent))
    if route is not None:
        items = served.run(items, route=route, streamed=streamed)
    # Not `primed`, which keeps the first item to yield it again: that costs each event a generator.
    head = await anext(items)
    assert isinstance(head, RemoteHead)  # noqa: S101  it comes first
    if (record := CURRENT.get()) is not None:
        record.model, record.upstream, record.attempts = served.id, head.upstream, head.attempts
    held: AbstractContextManager[Any] = nullcontext() if holding is None else holding.pop_all()
    return RemoteAnswer(head, items, ending=ending, holding=held)


def _body(found: Peeked, content: bytes | bytearray) -> RemoteBody:
    return RemoteBody(
        content=content,
        size=len(content),
        name_start=found.name_start,
        name_end=found.name_end,
        before_name=b"" if found.has_name else b'"model":',
        after_name=b"" if found.has_name or found.is_empty else b",",
        form="json",
    )


def _headers(
    request: ApiRequest, *, content_type: bytes | None = None
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the client's headers with this server's request id, and with *content_type* if given.

    A JSON body is sent on in UTF-8, in which it may not have come.
    """
    record = CURRENT.get()
    given: list[tuple[bytes, bytes]] = []
    if content_type is not None:
        given.append((b"content-type", content_type))
    if record is not None and record.id:
        given.append((REQUEST_ID, record.id.encode()))
    names = {name for name, _ in given}
    headers = request.scope["headers"]
    return (*((name, value) for name, value in headers if name not in names), *given)


def _with_query(request: ApiRequest, path: str) -> str:
    query: bytes = request.scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def _affinity(request: ApiRequest, content: bytes | bytearray) -> bytes:
    session = request.headers.get(_SESSION)
    return session.encode() if session else bytes(content[:_AFFINITY_BYTES])
