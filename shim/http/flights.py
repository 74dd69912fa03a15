"""Keeps answers whose clients have timed out, until a retry takes them or a window has passed."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

from litestar.types import Message, Send

Identity: TypeAlias = tuple[bytes, bytes]
"""The digests of a request's head and body (`RequestIdentity.whole`)."""

Result: TypeAlias = Literal["joined", "replayed", "expired"]
"""What became of an answer: taken while it was made, taken when complete, or not taken."""

_WINDOW = 10.0
"""Seconds for which an answer waits for a retry. The stock client waits up to 8 s before one."""

_EXTENSION = 1.0
"""Seconds by which the window is extended while a request arrives that may be the retry."""

_EXTENSIONS = 50
"""Most extensions of one window: a recording of 25 MiB takes 50 s at 4 Mbit/s."""

_ANSWER_BYTES = 16 << 20
"""Most bytes of one answer that are kept for a retry."""

_ALL_BYTES = 64 << 20
"""Most bytes of all answers that are kept for retries together."""

_RETRIED = frozenset({408, 409, 429})
_SERVER_ERROR = 500
"""Statuses after which the stock client tries again, beside all from 500: it needs a new answer."""


@dataclass(frozen=True)
class Delivery:
    """How an answer was sent to a client that may have timed out before it came."""

    number: int
    """How many attempts came before the one that it was sent to."""
    transport: asyncio.BaseTransport
    """Its connection. A client that has read the answer keeps it for its next request."""

    def has_failed(self, number: int) -> bool:
        """Return whether the attempt after *number* others is a retry after this delivery."""
        return number == self.number + 1 and self.transport.is_closing()


class Answer:
    """What one request answers after its client has timed out: ASGI messages, in order.

    It belongs to nobody until `Flights.claim` gives it to one retry, which `follow`s it.
    """

    def __init__(self, identity: Identity, delivery: Delivery | None = None) -> None:
        self.identity = identity
        self.delivery = delivery
        """How it was sent; None if it was not sent to anyone."""
        self.unwanted = asyncio.Event()
        """Set when nobody waits for the answer any more: the work for it can end."""
        self.complete = False
        """Whether the last message has been added."""
        self.extensions = 0
        """How often its window has been extended."""
        self.bytes = 0
        """Bytes of all messages that have been added."""
        self.messages: deque[Message] = deque()
        self._ended = False
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    def add(self, message: Message) -> None:
        """Add the next *message* of the application."""
        self.messages.append(message)
        self.bytes += len(message.get("body", b""))  # type: ignore[arg-type]
        ends = message["type"] == "http.response.body" and not message.get("more_body")
        self.complete = self.complete or ends
        self._changed.set()

    def end(self) -> None:
        """End the answer where it is: its application adds nothing more."""
        self._ended = True
        self._changed.set()

    async def taken(self) -> None:
        """Wait until the client that follows has got all messages."""
        while self.messages:
            self._taken.clear()
            await self._taken.wait()

    async def follow(self, send: Send) -> None:
        """Send all messages, those to come too, until the answer is complete or has ended."""
        while True:
            while self.messages:
                await send(self.messages.popleft())
            self._taken.set()
            if self.complete or self._ended:
                return
            self._changed.clear()
            await self._changed.wait()


class Flights:
    """The answers that nobody waits for at present. There is one such object for a process.

    Each is given to one retry only. So two clients that send the same request and want two samples
    get two answers, also after time-outs.
    """

    def __init__(self, count: Callable[[Result], None]) -> None:
        """*count* is called for each answer that was offered, with what became of it."""
        self._count = count
        self._unclaimed: dict[Identity, deque[Answer]] = {}
        self._timers: dict[Answer, asyncio.TimerHandle] = {}
        self._arriving: Counter[bytes] = Counter()
        """How many retries are being read, by the digests of their heads."""
        self._bytes = 0

    def __bool__(self) -> bool:
        """Return whether there are any answers."""
        return bool(self._unclaimed)

    def offer(self, answer: Answer) -> None:
        """Keep *answer* for the window, in which a retry can claim it."""
        self._unclaimed.setdefault(answer.identity, deque()).append(answer)
        self._bytes += answer.bytes
        self._expire_in(_WINDOW, answer)

    def claim(self, identity: Identity, number: int) -> Answer | None:
        """Return an answer to the same request, which is the caller's alone from now on.

        The caller is the attempt after *number* others of its client.
        """
        answers = self._unclaimed.get(identity, ())
        unsent = (answer for answer in answers if answer.delivery is None)
        lost = (a for a in answers if a.delivery is not None and a.delivery.has_failed(number))
        if (answer := next(chain(unsent, lost), None)) is not None:
            self._remove(answer)
            self._count("replayed" if answer.complete else "joined")
        return answer

    def arrives(self, head: bytes) -> None:
        """Extend the windows of answers to requests with that *head* until `arrived`."""
        self._arriving[head] += 1

    def arrived(self, head: bytes) -> None:
        """Take note that a request has been read, or that it has ended."""
        self._arriving[head] -= 1
        if not self._arriving[head]:
            del self._arriving[head]

    def may_have(self, head: bytes) -> bool:
        """Return whether an answer waits to a request with that *head*, and any body."""
        return any(known == head for known, _ in self._unclaimed)

    def holds(self, answer: Answer) -> bool:
        """Return whether *answer* can be claimed."""
        return answer in self._timers

    def add(self, answer: Answer, message: Message) -> None:
        """Add *message* to an *answer* that nobody has claimed.

        An answer is dropped if it is too large to be kept, or a failure that is worth a new try.
        """
        before = answer.bytes
        answer.add(message)
        self._bytes += answer.bytes - before
        if answer.bytes > _ANSWER_BYTES or self._bytes > _ALL_BYTES or _is_retried(message):
            self._drop(answer)

    def end(self, answer: Answer) -> None:
        """End *answer*, whose application has returned; drop it if it is incomplete."""
        answer.end()
        if not answer.complete and self.holds(answer):
            self._drop(answer)

    def _expire_in(self, seconds: float, answer: Answer) -> None:
        loop = asyncio.get_running_loop()
        self._timers[answer] = loop.call_later(seconds, self._expire, answer)

    def _expire(self, answer: Answer) -> None:
        if self._arriving[answer.identity[0]] and answer.extensions < _EXTENSIONS:
            answer.extensions += 1
            self._expire_in(_EXTENSION, answer)
        else:
            self._drop(answer)

    def _drop(self, answer: Answer) -> None:
        self._remove(answer)
        if answer.delivery is None:
            self._count("expired")
        answer.unwanted.set()

    def _remove(self, answer: Answer) -> None:
        self._timers.pop(answer).cancel()
        self._bytes -= answer.bytes
        answers = self._unclaimed[answer.identity]
        answers.remove(answer)
        if not answers:
            del self._unclaimed[answer.identity]


def _is_retried(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return message["status"] >= _SERVER_ERROR or message["status"] in _RETRIED
