"""Traces: the spans that a real server sends to a collector over OTLP."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.client.stock import says
from tests.live import serving

pytest.importorskip("opentelemetry.sdk", reason="THE EXTRA `otel` IS NOT INSTALLED")
trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Receives spans over OTLP with protobuf, as a collector does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Receiver)

    @property
    def spans(self) -> list[Any]:
        """All spans that have arrived."""
        requests = [trace_service.ExportTraceServiceRequest.FromString(b) for b in self.bodies]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class Receiver(BaseHTTPRequestHandler):
    """Keeps the body of each request."""

    server: Collector

    def do_POST(self) -> None:
        """Keep the body, decompressed."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bodies.append(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector on a free port."""
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, args=(0.02,))
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of *span*, whatever their types."""
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes
    }


def test_spans_arrive(collector: Collector) -> None:
    """Each request is a span, a child of the client's, with its model and tokens, not its text."""
    url = f"http://127.0.0.1:{collector.server_port}"
    variables = {"SHIM_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
    body = {"model": "echo", "messages": says("one secret three"), "stream": True}
    with serving("--model", "echo=fake:chat", **variables) as server:
        traced = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        httpx.post(f"{server.base_url}/chat/completions", json=body, headers=traced)
        httpx.get(f"{server.url}/nowhere")

    # The last spans are sent when the server ends.
    chat, nowhere = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
    assert (chat.name, chat.kind) == ("POST /v1/chat/completions", 2)
    assert (chat.trace_id.hex(), chat.parent_span_id.hex()) == (TRACE, PARENT)
    found = attributes(chat)
    assert found.pop("gen_ai.response.time_to_first_chunk") > 0
    assert found.pop("shim.queue_seconds") > 0
    assert found.pop("shim.request_id").startswith("req_")
    assert found == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/v1/chat/completions",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "shim",
        "gen_ai.request.model": "echo",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 3,
    }
    assert (nowhere.name, nowhere.parent_span_id) == ("GET", b"")
    assert attributes(nowhere)["error.type"] == "not_found"
    assert not any(b"secret" in body for body in collector.bodies)
