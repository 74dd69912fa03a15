"""One connection: uvicorn's HTTP with limits on what a client may send, and for how long.

uvicorn has a limit for idle connections only. Here a request's head has a number of bytes and of
seconds, its body a least rate, and an answer has to be read. A connection that exceeds a limit gets
an error in OpenAI's shape where it can still be sent, and ends.

Longer than a file should be: all of it is about the state of one connection.
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
from .corking import CorkedTransport
from .protocol_upgrade import without_offer
from .refusal import FAILURE, raw_answer
from .timer import Timer

_DISCARD_SECONDS = 2.0
"""How long what still arrives is thrown away behind a refusal: a reset could destroy the answer."""

_PIPELINED = 4
"""Requests that may wait behind an unanswered one before the connection is read no further."""

_MOST_PIPELINED = 64
_MOST_HEADERS = 256
_MOST_PIECES = 8192
"""Pieces of a body that may arrive together: each costs about a microsecond, and a read of the
connection brings up to 256 KiB, which may be 40,000 chunks of one byte."""


class Connection(HttpToolsProtocol):
    """A connection within the limits of its server."""

    transport: CorkedTransport  # type: ignore[assignment]

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._all = connections
        self._limits = connections.limits
        self._arrival = Timer(self.loop)
        """Ends a head or a body that takes too long."""
        self._reading = Timer(self.loop)
        """Ends a connection whose client does not read."""
        self._in_head = False
        """A head has begun and has not ended."""
        self._head_bytes = 0
        self._message_ended = False
        """The last bytes received contain the end of a request."""
        self._body_bytes = 0
        """Bytes of a body since its rate was last looked at."""
        self._bytes_beside_body = 0
        """Bytes since the last part of a body: extensions of chunks, and trailers."""
        self._answering: RequestResponseCycle | None = None
        self._pieces = 0
        """Pieces of a body in the bytes received last."""
        self._error: ApiError | None = None
        """Why the parser was stopped, where it was not by invalid HTTP."""
        self._refused = False
        """The answer that ends the connection has been sent: what still arrives is thrown away."""
        self._surplus = False
        """This connection is beyond the limit: its first request is refused."""

    # ── the connection begins and ends ────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Serve the connection, or refuse it if there are too many."""
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
        """Tell every request of this connection that its client has left."""
        self._all.idle.pop(self.transport, None)
        self._arrival.stop()
        self._reading.stop()
        self._unset_keepalive_if_required()
        # uvicorn tells the newest request only.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End now if no request is complete; else after the answers to those that are."""
        if self._in_head or self._awaits_body():
            self._fail(ServerStopping("The server is stopping."))
        else:
            super().shutdown()

    # ── requests arrive ───────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """Take the next bytes of requests."""
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
            # Not the bytes that came with the end of the request before.
            self._head_bytes += 0 if self._message_ended else len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._fail(self._too_large())
                return
        elif self._awaits_body() and self._bytes_beside_body > self._limits.head_bytes:
            self._fail(self._too_large())
            return
        self._watch_arrival()

    def on_message_begin(self) -> None:
        """Begin a head."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._stop_parser(InvalidHttp("Too many requests wait for the first one's answer."))
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._all.idle.pop(self.transport, None)
        self._arrival.stop()
        self._unset_keepalive_if_required()

    def on_headers_complete(self) -> None:
        """Begin the request, which is refused if a limit is exceeded."""
        self._in_head = False
        self._body_bytes = self._bytes_beside_body = 0
        self._arrival.stop()
        # Behind a request that has been answered since this head began.
        self._unset_keepalive_if_required()
        if (error := self._error_of_head()) is not None:
            self.scope[FAILURE] = error  # type: ignore[literal-required]
        super().on_headers_complete()
        # uvicorn stops reading here, and would not notice that the client leaves.
        if 0 < len(self.pipeline) <= _PIPELINED:
            self.flow.resume_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind a body (trailers) are ignored."""
        if len(self.headers) >= _MOST_HEADERS:
            self._stop_parser(self._too_large())
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._bytes_beside_body = 0
        self._pieces += 1
        if self._pieces > _MOST_PIECES:
            self._stop_parser(InvalidHttp("The chunks of the request's body are too small."))
        super().on_body(body)

    def _stop_parser(self, error: ApiError) -> None:
        """Have `data_received` refuse what arrives with *error*."""
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
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for one; see that the answer is read."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reading()
        elif not self.pipeline and not self._in_head and self._answering is self.cycle:
            self._all.idle[self.transport] = None

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, also if the last answer has not been read."""
        if self._unwritten():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    # ── another protocol is offered ───────────────────────────────────────────

    def _should_upgrade(self) -> bool:
        # To uvicorn: begin no request with this head. It comes again without the offer.
        return True

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read the request once more, without its offer of another protocol, and its *rest*.

        RFC 9110, 7.8: a server may ignore the offer. The parser has taken the head for all of it,
        and what follows for the other protocol. `Upgrade: h2c` is sent by Java's HttpClient and by
        `curl --http2`.
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
        """Bound the time of what has arrived in part only."""
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
        """Look at a body's rate, unless it is the server that does not read."""
        least = self._limits.body_bytes_per_second * self._limits.body_seconds
        if self._awaits_body() and not self.flow.read_paused and self._body_bytes < least:
            self._fail(BodyTooSlow("The request's body took too long."))
            return
        self._body_bytes = 0
        self._watch_arrival()

    def pause_writing(self) -> None:
        """Wait for the client to read, but not for ever."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self._reading.stop()

    def _watch_reading(self) -> None:
        """End the connection unless its client reads some of what waits for it."""
        self._reading.start(self._limits.write_seconds, self._on_reading_window, self._unwritten())

    def _on_reading_window(self, before: int) -> None:
        if self._unwritten() < before:
            self._watch_reading()
        else:
            self.transport.abort()

    def _unwritten(self) -> int:
        return self.transport.get_write_buffer_size()

    # ── refusals ──────────────────────────────────────────────────────────────

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, in OpenAI's shape."""
        self._fail(InvalidHttp(msg))

    def _fail(self, error: ApiError) -> None:
        """End what arrives with *error*.

        There are three cases: a request whose body is still awaited gets the error where it reads;
        behind requests that are being answered the connection only ends after them; else the error
        is written here.
        """
        self._arrival.stop()
        self._refused = True
        self.transport.linger(_DISCARD_SECONDS)
        if not self._in_head and self._awaits_body():
            self.cycle.scope[FAILURE] = error  # type: ignore[literal-required]
            self.cycle.message_event.set()
        elif self._answering is not None and not self._answering.response_complete:
            self._answering.keep_alive = False
            self.pipeline.clear()
        else:
            self.transport.write(raw_answer(error))
            self.transport.close()
