"""Answers requests from a recording, without any model: `shim replay`."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO

import msgspec
from litestar.types import Receive, ReceiveMessage, Scope, Send

from shim.errors import ClientGone, NotRecorded
from shim.http.refusal import refuse
from shim.http.uninterrupted import uninterrupted

from .answer import Answer, send_again
from .folder import Exchange, Recording
from .nearest import nearest
from .request import Request, head, received
from .temporary import temporary

_STATE = {"/health": {"status": "ok"}, "/ready": {"ready": True}}
"""Routes that are always answered, with their answers."""

_COMPARED = 1000
"""Most recorded requests that one which was not recorded is compared with."""

_OF_A_KEY = frozenset({401, 403})
"""Statuses that depend on the key, which is not recorded."""

_HEADER = "x-shim-replay"
"""The header of an answer with the id that it had when it was recorded."""


class Replay:
    """An ASGI application that answers from a recording.

    The answers to equal requests are given in the order in which they were recorded, and then from
    the first one again, so that a run which is repeated gets the same answers.
    """

    def __init__(self, recording: Recording, *, paced: bool) -> None:
        """If *paced*, send each piece of an answer at its recorded time; otherwise at once.

        Raises FolderUnusable if a body of the recording is missing.
        """
        self._bodies = recording.bodies
        self._paced = paced
        self._answers: dict[str, list[Exchange]] = defaultdict(list)
        """The whole exchanges by the digest of their request."""
        self._requests: dict[tuple[str, str], dict[str, Exchange]] = defaultdict(dict)
        """By method and path, and then by digest, one exchange each."""
        self._recording = recording
        self._given: dict[str, int] = defaultdict(int)
        """How many answers each request has got."""
        for exchange in recording.exchanges:
            if exchange.whole:
                self._add(exchange)
        for digest, exchanges in self._answers.items():
            self._answers[digest] = _without_refused_keys(exchanges)

    def _add(self, exchange: Exchange) -> None:
        digest = self._recording.request(exchange).digest
        self._answers[digest].append(exchange)
        place = exchange.request.method, exchange.request.path
        self._requests[place].setdefault(digest, exchange)

    @property
    def count(self) -> int:
        """How many different requests can be answered."""
        return len(self._answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if (state := _STATE.get(scope["path"])) is not None:
            await _send_json(state, send)
            return
        with temporary() as body:
            try:
                await _read(receive, body)
            except ClientGone:
                return
            request = await uninterrupted(asyncio.to_thread(received, head(scope), body))
        exchange = self._next(request.digest)
        if exchange is None:
            error = await asyncio.to_thread(self._not_recorded, request)
            await refuse(error, send)
            return
        answer, blob = exchange.answer, exchange.answer_body
        assert answer is not None and blob is not None  # noqa: S101, PT018  as it is whole
        content = await asyncio.to_thread(self._bodies.read, blob)
        headers = [(_HEADER, exchange.id)]
        await send_again(answer, content, send, paced=self._paced, headers=headers)

    def _next(self, digest: str) -> Exchange | None:
        if (exchanges := self._answers.get(digest)) is None:
            return None
        number = self._given[digest]
        self._given[digest] += 1
        return exchanges[number % len(exchanges)]

    def _not_recorded(self, request: Request) -> NotRecorded:
        """Return the error for *request*, which says what is different in the nearest one."""
        place = f"{request.method} {request.path}"
        known = self._requests.get((request.method, request.path))
        if known is None:
            places = sorted({f"{method} {path}" for method, path in self._requests})
            return NotRecorded(
                f"No request to {place} was recorded, only to: {', '.join(places) or 'nothing'}."
            )
        candidates = islice(known.values(), _COMPARED)
        difference = nearest(request, map(self._recording.request, candidates))
        return NotRecorded(
            f"This request to {place} was not recorded. In the nearest one, {difference}.",
            param=None if difference is None else difference.field,
        )


def _without_refused_keys(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return *exchanges* without those whose key was refused, unless all were."""
    answered = [
        exchange
        for exchange in exchanges
        if exchange.answer is not None and exchange.answer.status not in _OF_A_KEY
    ]
    return answered or list(exchanges)


async def _read(receive: Receive, body: BinaryIO) -> None:
    """Read a request into *body*; raise ClientGone."""
    while True:
        message: ReceiveMessage = await receive()
        if message["type"] != "http.request":
            raise ClientGone("The client disconnected during its request.")
        body.write(message["body"])
        if not message.get("more_body"):
            break
    body.seek(0)


async def _send_json(value: object, send: Send) -> None:
    body = msgspec.json.encode(value)
    answer = Answer(
        status=200,
        headers=[("content-type", "application/json"), ("content-length", str(len(body)))],
        head_ms=0,
        pieces=[(0, len(body))],
    )
    await send_again(answer, body, send)
