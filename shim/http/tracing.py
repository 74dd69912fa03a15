"""Makes an OpenTelemetry span of each HTTP request, and sends the spans to a collector.

Needs the extra `otel`: this module is imported only where `tracing` is set. The SDK's own variables
configure it: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` and others.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

from litestar.types import ASGIApp, Receive, Scope, Send
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shim import __version__
from shim.errors import UNFORESEEN
from shim.serving.request_record import CURRENT, RequestRecord

log = logging.getLogger(__name__)

_LAST_SECONDS = 5.0
"""Most seconds in which the last spans are sent when the server ends; the collector may be gone."""

_PROPAGATOR = TraceContextTextMapPropagator()
_HEADERS = frozenset(name.encode() for name in _PROPAGATOR.fields)

_OPERATIONS = {"completions": "text_completion", "responses": "chat"}
"""OpenTelemetry's `gen_ai.operation.name` of routes that have another name here."""

_ATTRIBUTES = {
    "path": "url.path",
    "template": "http.route",
    "status": "http.response.status_code",
    "error": "error.type",
    "model": "gen_ai.request.model",
    "first_output_seconds": "gen_ai.response.time_to_first_chunk",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "completion_tokens": "gen_ai.usage.output_tokens",
    "id": "shim.request_id",
    "key": "shim.key",
    "queue_seconds": "shim.queue_seconds",
    "audio_seconds": "shim.audio_seconds",
    "upstream": "shim.upstream",
    "attempts": "shim.attempts",
    "joined": "shim.joined",
}
"""Fields of `RequestRecord`, and the attributes that OpenTelemetry's semantic conventions have for
them, those of HTTP and of generative AI; the others are our own."""


@contextmanager
def tracing() -> Iterator[Callable[[ASGIApp], ASGIApp]]:
    """Return a function that puts `Tracing` around an application; the last spans are sent at exit.

    The spans are sent in batches by a thread. If the collector does not answer, they are dropped.
    """
    resource = Resource.create({"service.version": __version__, **_service_name()})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield partial(Tracing, tracer=provider.get_tracer("shim", __version__))
    finally:
        # In a thread: the SDK would wait up to half a minute for a collector.
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST_SECONDS)
        if last.is_alive():
            log.warning("the last spans were not sent within %g s", _LAST_SECONDS)


def _service_name() -> dict[str, str]:
    return {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "shim"}


class Tracing:
    """An ASGI application around another that makes a span of each request.

    The span is a child of the client's `traceparent`. The inner application gets a `traceparent`
    with the id of this span, and so do other servers to which it sends the request on.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request within `RequestLog`, whose record it needs."""
        record = cast("RequestRecord", CURRENT.get())
        headers = [(name, value) for name, value in scope["headers"] if name not in _HEADERS]
        sent = {k.decode(): v.decode("latin-1") for k, v in scope["headers"] if k in _HEADERS}
        span = self._tracer.start_span(
            record.method, context=_PROPAGATOR.extract(sent), kind=SpanKind.SERVER
        )
        record.trace_id = f"{span.get_span_context().trace_id:032x}"
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(span))
        headers += [(name.encode(), value.encode("latin-1")) for name, value in carrier.items()]
        try:
            await self._app({**scope, "headers": headers}, receive, send)  # type: ignore[arg-type]
        finally:
            _end(span, record, scope)


def _end(span: Span, record: RequestRecord, scope: Scope) -> None:
    """End *span* with what *record* says of its request."""
    if not span.is_recording():
        return
    if record.template is not None:
        span.update_name(f"{record.method} {record.template}")
    attributes = {"http.request.method": record.method, "url.scheme": scope["scheme"]}
    if record.route is not None:
        attributes["gen_ai.operation.name"] = _OPERATIONS.get(record.route, record.route)
        attributes["gen_ai.provider.name"] = "shim"
    attributes |= {
        name: value for field, name in _ATTRIBUTES.items() if (value := getattr(record, field))
    }
    span.set_attributes(attributes)
    if record.status is None or record.status >= UNFORESEEN:
        span.set_status(StatusCode.ERROR)
    span.end()
