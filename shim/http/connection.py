"""Serves one connection: uvicorn's HTTP/1.1 with limits on bytes, time and rate.

uvicorn limits idle connections only. Here a head has limits on its bytes and seconds, a body must
arrive at a minimum rate, and the client must read the answer. A connection beyond a limit ends,
with an error in OpenAI's shape where one can still be sent.

The file is long because all of it is the state of one connection.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shim.errors import (
    ApiError,
    BodyTooSlow,
    HeadTooLarge,
    HeadTooSlow,
    InvalidHttp,
    ServerStopping,
    TooManyConnections,
)

from .connections import Connections
from .corking import TRANSPORT, CorkedTransport
from .protocol_upgrade import without_offer
from .refusal import CONNECTION_ERROR, raw_answer
from .timer import Timer

_DISCARD_SECONDS = 2.0
"""Seconds in which bytes after a refusal are discarded; a reset could destroy the answer."""

_PIPELINED = 4
"""Requests that may wait for an answer before the server stops reading the connection."""

_MOST_PIPELINED = 64
"""Waiting requests at which a further one is refused."""

_MOST_HEADERS = 256
"""Most headers of a request."""

_MOST_PIECES = 8192
"""Most pieces of a body in one read of the connection. Each costs about 1 µs, and a read returns up
to 256 KiB, which can be 40,000 chunks of one byte."""


class Connection(HttpToolsProtocol):
    """One connection of a server, held to the server's limits."""

    transport: CorkedTransport  # type: ignore[assignment]

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._all = connections
        self._limits = connections.limits
        self.timeout_keep_alive = self._limits.idle_seconds  # type: ignore[assignment]
        self._arrival = Timer(self.loop)
        """Ends a head or a body that takes too long to arrive."""
        self._reading = Timer(self.loop)
        """Ends a connection whose client does not read."""
        self._in_head = False
        """Whether a head has begun and has not ended."""
        self._head_bytes = 0
        self._message_ended = False
        """Whether the latest read contains the end of a request."""
        self._body_bytes = 0
        """Bytes of the body since its rate was last checked."""
        self._bytes_beside_body = 0
        """Bytes since the latest piece of the body: chunk extensions and trailers."""
        self._answering: RequestResponseCycle | None = None
        """The request that the application runs, or ran last."""
        self._pieces = 0
        """Pieces of a body in the latest read."""
        self._error: ApiError | None = None
        """Why `_stop_parser` was called; None if it was not."""
        self._refused = False
        """Whether the connection ends with a refusal: later bytes are discarded."""
        self._surplus = False
        """Whether this connection is beyond the limit: its first request is refused."""

    # ── the connection begins and ends ────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the connection. If there are too many, refuse its first request, or abort it."""
        super().connection_made(CorkedTransport(transport, self.loop))  # type: ignore[arg-type]
        count = len(self.connections)
        if not self._all.make_room(count=count):
            if not self._all.has_reserve(count=count):
                self.transport.abort()
                return
            self._surplus = True
        else:
            self._all.idle[self.transport] = None
        self._arrival.start(self._limits.head_seconds, self._on_late_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Send `http.disconnect` to the requests of this connection."""
        self._all.idle.pop(self.transport, None)
        self._arrival.stop()
        self._reading.stop()
        self._unset_keepalive_if_required()
        # uvicorn notifies the newest request only.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def drain(self) -> None:
        """Refuse a request that is not complete; close the connection after the other answers.

        A connection without a request stays open: its client may be sending one, which gets a 503.
        """
        if self._refused:
            return  # it ends already
        if self._in_head or self._awaits_body():
            self._fail(ServerStopping("The server is stopping."))
        elif self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Do what `drain` does, and close a connection without a request."""
        if self._refused or self._in_head or self._awaits_body():
            self.drain()
        else:
            super().shutdown()

    # ── requests arrive ───────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """Parse *data*, the next bytes of requests, and check them against the limits."""
        if self._refused:
            return
        self._message_ended = False
        self._pieces = 0
        self._body_bytes += len(data)
        self._bytes_beside_body += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._fail(self._error or InvalidHttp("The request is not valid HTTP/1.1."))
            return
        if self._in_head:
            # Bytes that arrived with the end of the previous request do not count.
            self._head_bytes += 0 if self._message_ended else len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._fail(self._too_large())
                return
        elif self._awaits_body() and self._bytes_beside_body > self._limits.head_bytes:
            self._fail(self._too_large())
            return
        self._watch_arrival()

    def on_message_begin(self) -> None:
        """Begin the head of a request; called by the parser, as are all `on_…` methods."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._stop_parser(InvalidHttp("Too many requests wait for the first one's answer."))
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # type: ignore[literal-required]
        self._in_head = True
        self._head_bytes = 0
        self._all.idle.pop(self.transport, None)
        self._arrival.stop()
        self._unset_keepalive_if_required()

    def on_headers_complete(self) -> None:
        """Begin the request; if its head exceeds a limit, put the error in its scope."""
        self._in_head = False
        self._body_bytes = self._bytes_beside_body = 0
        self._arrival.stop()
        # The previous request may have been answered since this head began.
        self._unset_keepalive_if_required()
        if (error := self._error_of_head()) is not None:
            self.scope[CONNECTION_ERROR] = error  # type: ignore[literal-required]
        super().on_headers_complete()
        # uvicorn stops reading here, and would not notice that the client disconnects.
        if 0 < len(self.pipeline) <= _PIPELINED:
            self.flow.resume_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; trailers, the headers after a body, are ignored."""
        if len(self.headers) >= _MOST_HEADERS:
            self._stop_parser(self._too_large())
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body."""
        self._bytes_beside_body = 0
        self._pieces += 1
        if self._pieces > _MOST_PIECES:
            self._stop_parser(InvalidHttp("The chunks of the request's body are too small."))
        super().on_body(body)

    def _stop_parser(self, error: ApiError) -> None:
        """Stop the parser, so that `data_received` refuses the request with *error*."""
        self._error = error
        raise error

    def on_message_complete(self) -> None:
        """End the request."""
        self._message_ended = True
        super().on_message_complete()

    def _too_large(self) -> HeadTooLarge:
        return HeadTooLarge(self._limits.head_bytes, headers=_MOST_HEADERS)

    def _error_of_head(self) -> ApiError | None:
        if self._surplus:
            return TooManyConnections("Too many connections are open.")
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.head_bytes:
            return self._too_large()
        return None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        if self._all.draining:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for one; check that the client reads the answer."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reading()
        elif not self.pipeline and not self._in_head and self._answering is self.cycle:
            self._all.idle[self.transport] = None

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, even if the client has not read the last answer."""
        if self._unsent():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    # ── another protocol is offered ───────────────────────────────────────────

    def _should_upgrade(self) -> bool:
        # uvicorn then begins no request with this head: `_decline_upgrade` parses it once more.
        return True

    def _decline_upgrade(self, rest: bytes) -> None:
        """Parse the request once more, without its offer of another protocol, and its *rest*.

        A server may ignore the offer (RFC 9110, 7.8). The parser stopped after the head and takes
        *rest* for the other protocol. Java's HttpClient and `curl --http2` send `Upgrade: h2c`.
        """
        method = self.scope["method"].encode()
        if method == b"CONNECT":
            self._fail(InvalidHttp("CONNECT is not supported."))
            return
        lines = [b"%b %b HTTP/%b" % (method, self.url, self.scope["http_version"].encode())]
        lines += [b"%b: %b" % header for header in without_offer(self.headers)]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", b""]) + rest)

    # ── limits on time ────────────────────────────────────────────────────────

    def _awaits_body(self) -> bool:
        cycle = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def _watch_arrival(self) -> None:
        """Start the timer of a head or a body that has arrived in part only."""
        if self._arrival.runs:
            return
        if self._in_head:
            self._arrival.start(self._limits.head_seconds, self._on_late_head)
        elif self._awaits_body():
            self._arrival.start(self._limits.body_seconds, self._on_body_window)

    def _on_late_head(self) -> None:
        if self._in_head:
            self._fail(HeadTooSlow("The request's head took too long."))
        else:
            self.transport.abort()

    def _on_body_window(self) -> None:
        """Check the rate of a body, unless the server has paused reading."""
        least = self._limits.body_bytes_per_second * self._limits.body_seconds
        if self._awaits_body() and not self.flow.read_paused and self._body_bytes < least:
            self._fail(BodyTooSlow("The request's body took too long."))
            return
        self._body_bytes = 0
        self._watch_arrival()

    def pause_writing(self) -> None:
        """Pause writing until the client reads; end the connection if it does not."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """Resume writing."""
        super().resume_writing()
        self._reading.stop()

    def _watch_reading(self) -> None:
        """End the connection unless its client reads some of the unsent bytes in time."""
        self._reading.start(self._limits.write_seconds, self._on_reading_window, self._unsent())

    def _on_reading_window(self, before: int) -> None:
        if self._unsent() < before:
            self._watch_reading()
        else:
            self.transport.abort()

    def _unsent(self) -> int:
        return self.transport.get_write_buffer_size()

    # ── refusals ──────────────────────────────────────────────────────────────

    def send_400_response(self, msg: str) -> None:
        """Refuse invalid HTTP in OpenAI's shape; *msg* is uvicorn's reason."""
        self._fail(InvalidHttp(msg))

    def _fail(self, error: ApiError) -> None:
        """Read no more requests, because of *error*.

        There are three cases: a request whose body has not arrived gets the error where it reads
        its body; while earlier requests are being answered, the connection ends after their
        answers; otherwise the error is sent here.
        """
        self._arrival.stop()
        self._refused = True
        self.transport.linger(_DISCARD_SECONDS)
        if not self._in_head and self._awaits_body():
            self.cycle.scope[CONNECTION_ERROR] = error  # type: ignore[literal-required]
            self.cycle.message_event.set()
        elif self._answering is not None and not self._answering.response_complete:
            self._answering.keep_alive = False
            self.pipeline.clear()
        else:
            answer, record = raw_answer(error)
            self.transport.write(answer)
            self._all.on_end(record)
            self.transport.close()
