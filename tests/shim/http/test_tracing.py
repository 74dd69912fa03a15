"""Spans of requests within the process: what is passed on, and when none is made."""

from typing import Any

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="THE EXTRA `otel` IS MISSING")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shim.http.request_log import RequestLog
from shim.http.tracing import Tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


async def traced(*headers: tuple[bytes, bytes]) -> tuple[list[Any], dict[bytes, bytes], Any]:
    """Return the spans of a request with *headers*, those of the inner one, and its record."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    inner: list[dict[bytes, bytes]] = []
    records: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        inner.append(dict(scope["headers"]))
        await send({"type": "http.response.start", "status": 503, "headers": []})

    async def send(_: Any) -> None:
        pass

    scope: Any = {"method": "GET", "raw_path": b"/x", "scheme": "http", "headers": headers}
    around = RequestLog(Tracing(app, provider.get_tracer("test")), records.append)
    await around(scope, None, send)  # type: ignore[arg-type]
    return list(exporter.get_finished_spans()), inner[0], records[0]


async def test_the_id_of_the_span_goes_on() -> None:
    """The inner application gets the span's own id, in the client's trace, with its state."""
    [span], headers, record = await traced(
        (b"host", b"h"),
        (b"traceparent", f"00-{TRACE}-{PARENT}-01".encode()),
        (b"tracestate", b"vendor=1"),
    )

    own = f"{span.context.span_id:016x}"
    assert headers == {
        b"host": b"h",
        b"traceparent": f"00-{TRACE}-{own}-01".encode(),
        b"tracestate": b"vendor=1",
    }
    assert own != PARENT
    assert record.trace_id == TRACE
    assert not span.status.is_ok


async def test_a_new_trace() -> None:
    """A request without a trace begins one, which is in its record."""
    [span], headers, record = await traced()

    assert record.trace_id == f"{span.context.trace_id:032x}"
    assert record.trace_id.encode() in headers[b"traceparent"]


async def test_a_trace_that_is_not_sampled() -> None:
    """If the client's trace is not sampled, no span is sent, and its decision goes on."""
    spans, headers, record = await traced((b"traceparent", f"00-{TRACE}-{PARENT}-00".encode()))

    assert spans == []
    assert headers[b"traceparent"].startswith(f"00-{TRACE}-".encode())
    assert headers[b"traceparent"].endswith(b"-00")
    assert record.trace_id == TRACE
