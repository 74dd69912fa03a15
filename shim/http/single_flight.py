"""Single flight: a client that timed out gets the answer to its first attempt when it tries again.

OpenAI's client closes the connection when it times out, waits up to 8 s, and sends the same request
again. Without this, the work would be cancelled and begin again, and take as long again.

- A client that disconnects before its time-out (it sends it as a header) has given up: its work is
  cancelled at once.
- A client that disconnects when its time-out has passed will come back: its work goes on, and its
  answer waits for the same request with the same key (`Flights`).
- An answer whose first byte has arrived is not kept: the stock client does not try again then.
- An answer that its client has received is never given to anyone else. So an evaluation that sends
  one prompt several times gets samples that are independent of each other. An answer that was sent
  just when its client timed out is given to the client's next attempt, if its connection has ended
  since.

Requests of clients that do not send their time-out pass by.
"""

import asyncio
import time
from asyncio import BaseTransport
from collections.abc import Awaitable
from contextlib import suppress
from typing import cast

from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from shim.errors import ClientGone
from shim.serving.request_record import CURRENT, failed

from .client_timeout import client_timeout
from .corking import TRANSPORT
from .flights import Answer, Delivery, Flights
from .identity import RequestIdentity

MAY_JOIN = "shim.may_join"
"""The key, in the scope of a retry, of True if the answer to an earlier attempt may be there."""

_HEADER = b"x-shim-single-flight"

_RETRIES = b"x-stainless-retry-count"

_LATE = 0.9
_EARLY_SECONDS = 1.0
"""A client that disconnects has timed out after this share of its time-out, or this many seconds
before its end. Its clock begins to run before a busy server has read the request."""

_DOUBT_SECONDS = 1.0
"""If an answer begins when its client may just have timed out, it has arrived when the client has
not disconnected in this time."""


class SingleFlight:
    """An ASGI application around another, which must stop when `receive` returns a disconnect."""

    def __init__(self, app: ASGIApp, flights: Flights) -> None:
        self._app = app
        self._flights = flights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: by the application, or with the answer of an earlier attempt."""
        timeout = client_timeout(scope) if scope.get("method") == "POST" else None
        if timeout is None:
            await self._app(scope, receive, send)
            return
        attempt = _Attempt(scope, self._flights, timeout, receive, send)
        try:
            await self._app(scope, attempt.receive, attempt.send)
        except _Claimed as claimed:
            await attempt.follow(claimed.answer)
        finally:
            attempt.end()


class _Claimed(asyncio.CancelledError):
    """Ends the application whose request has found an *answer*: it is cancelled, so to speak."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class _Attempt:
    """One request: the messages between its client and the application."""

    def __init__(
        self, scope: Scope, flights: Flights, timeout: float, receive: Receive, send: Send
    ) -> None:
        self._scope = scope
        self._flights = flights
        self._late = time.monotonic() + min(_LATE * timeout, timeout - _EARLY_SECONDS)
        """From when on the client has timed out if it disconnects."""
        self._receive = receive
        self._send = send
        self._request = RequestIdentity(scope)
        self._number = _number(scope)
        """How many attempts came before this one."""
        self._arrives = self._number > 0
        """Whether this is a retry that has not been read."""
        if self._arrives:
            flights.arrives(self._request.head)
            if flights.may_have(self._request.head):
                scope[MAY_JOIN] = True  # type: ignore[literal-required]
        self._read = False
        """Whether the whole request has been read."""
        self._answer: Answer | None = None
        """What the client has missed; None while it is connected."""
        self._received = False
        """Whether the client has certainly got the beginning of the answer."""
        self._sent: list[Message] = []
        """What has been sent to the client before that was certain."""
        self._certain = 0.0
        """When it is certain, unless the client has disconnected by then."""

    # ── the request ───────────────────────────────────────────────────────────

    async def receive(self) -> ReceiveMessage:
        """Return the next message; `http.disconnect` only when nobody wants the answer any more.

        Raises `_Claimed` at the end of a request whose answer waits already.
        """
        message: ReceiveMessage = await self._receive()
        if message["type"] == "http.request":
            self._request.add(message["body"])
            if not message.get("more_body"):
                self._on_whole_request()
        elif self._read and self._has_timed_out():
            failed(ClientGone("The client timed out before its answer began."))
            self._answer = Answer(self._request.whole)
            self._offer(self._answer, self._sent)
            await self._answer.unwanted.wait()
        return message

    def _on_whole_request(self) -> None:
        self._end_arrival()
        self._read = True
        if not self._flights:
            return
        if (answer := self._flights.claim(self._request.whole, self._number)) is not None:
            raise _Claimed(answer)

    def _end_arrival(self) -> None:
        if self._arrives:
            self._arrives = False
            self._flights.arrived(self._request.head)

    def _has_timed_out(self) -> bool:
        return not self._received and time.monotonic() >= self._late

    def end(self) -> None:
        """End the attempt: the application has returned."""
        self._end_arrival()
        if self._answer is not None:
            self._flights.end(self._answer)

    # ── the answer ────────────────────────────────────────────────────────────

    def send(self, message: Message) -> Awaitable[None]:
        """Send *message* to the client, or keep it for the retry."""
        # Every event of a streamed answer passes through here.
        return self._send(message) if self._received else self._send_first(message)

    async def _send_first(self, message: Message) -> None:
        if (answer := self._answer) is None:
            await self._deliver(message)
        elif self._flights.holds(answer):
            self._flights.add(answer, message)
        else:
            answer.add(message)
            if not answer.complete:  # after that the application is no longer cancelled
                await answer.taken()

    async def _deliver(self, message: Message) -> None:
        """Send *message* to the client; keep what it may be too late for."""
        now = time.monotonic()
        self._sent.append(message)
        if message["type"] == "http.response.start":
            self._certain = now + _DOUBT_SECONDS if now >= self._late else now
        elif not message.get("more_body"):
            if self._has_timed_out():
                self._keep_sent()
            self._received = True
        elif now >= self._certain:
            self._received, self._sent = True, []
        await self._send(message)

    def _keep_sent(self) -> None:
        """Keep the answer that has been sent, for the case that the connection has ended."""
        transport = self._scope.get(TRANSPORT)
        if not self._read or transport is None:
            return
        delivery = Delivery(self._number, cast("BaseTransport", transport))
        answer = Answer(self._request.whole, delivery)
        self._offer(answer, self._sent)

    def _offer(self, answer: Answer, messages: list[Message]) -> None:
        """Offer *answer*, which begins with *messages*."""
        self._flights.offer(answer)
        for message in messages:
            if self._flights.holds(answer):
                self._flights.add(answer, message)

    async def follow(self, answer: Answer) -> None:
        """Send the *answer* of an earlier attempt to the client of this one."""
        if (record := CURRENT.get()) is not None:
            record.joined = True
        self._send = _with_header(self._send, b"replayed" if answer.complete else b"joined")
        following = asyncio.create_task(answer.follow(self._deliver))
        gone = asyncio.create_task(self._disconnected())
        try:
            await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not following.done():
                await self._give_back(answer, following)
        if not following.cancelled():
            following.result()

    async def _give_back(self, answer: Answer, following: "asyncio.Task[None]") -> None:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        if self._has_timed_out():
            answer.messages.extendleft(reversed(self._sent))
            self._flights.offer(answer)
        else:
            answer.unwanted.set()

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _number(scope: Scope) -> int:
    """Return how many attempts came before the request of *scope*; 0 if its client does not say."""
    value = next((value for name, value in scope["headers"] if name == _RETRIES), b"0")
    return int(value) if value.isdigit() else 0


def _with_header(send: Send, how: bytes) -> Send:
    """Return a function that adds the header about single flight to an answer, then sends."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (_HEADER, how)]}
        await send(message)

    return sending
