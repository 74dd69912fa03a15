"""Answers requests that have only one answer from disk: `shim serve --cache`."""

import asyncio
import logging
from collections.abc import Callable
from typing import BinaryIO, Literal, TypeAlias

from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send
from msgspec.structs import replace

from backends.base import Backend, ChatBackend, RemoteBackend, SpeechBackend
from shim.errors import ApiError
from shim.http.fault_header import HEADER as FAULT
from shim.http.json_decoding import Rules, decoded
from shim.http.json_worker import JsonWorker
from shim.http.model_prefix import IN_SCOPE
from shim.http.request import INLINE_BYTES
from shim.http.uninterrupted import uninterrupted
from shim.serving.models import Models
from shim.serving.request_record import CURRENT
from shim.serving.served_model import ServedModel
from shim.settings import ServerSettings

from . import content
from .answer import Answer, Taken, send_again
from .cache_folder import CacheFolder
from .deterministic import ROUTES, Facts, facts, of_form
from .request import content_type, digest, head, request
from .temporary import temporary

log = logging.getLogger(__name__)

Result: TypeAlias = Literal["hit", "miss", "lost"]
"""What became of a request that may be answered from the cache; `lost`: it could not be read or
written."""

HEADER = "x-shim-cache"

_ANSWERED = 200

_NOT_KEPT = ("x-ratelimit-",)
"""Beginnings of headers that are of one request."""


class AnswerCache:
    """The answers that all applications of a process share."""

    def __init__(self, folder: CacheFolder, on_result: Callable[[Result], None]) -> None:
        """*on_result* is called for each request that may be answered from *folder*."""
        self._folder = folder
        self._on_result = on_result
        self._has_failed = False

    async def find(self, key: str) -> tuple[Answer, bytes] | None:
        """Return the answer for *key* and its body; None if it is not there."""
        try:
            found = await asyncio.to_thread(self._folder.find, key)
        except OSError as error:
            self._lose(error)
            return None
        self._note("miss" if found is None else "hit")
        return found

    async def keep(self, key: str, answer: Answer, body: BinaryIO) -> None:
        """Keep *answer* with *body*; an error is logged once, and counted."""
        try:
            await uninterrupted(asyncio.to_thread(self._folder.keep, key, answer, body))
        except OSError as error:
            self._lose(error)

    def _note(self, result: Literal["hit", "miss"]) -> None:
        if (record := CURRENT.get()) is not None:
            record.cache = result
        self._on_result(result)

    def _lose(self, error: OSError) -> None:
        self._on_result("lost")
        if not self._has_failed:
            self._has_failed = True
            log.error("the cache cannot be used, perhaps also later: %s", error)


class Cached:
    """An ASGI application around another, which reads a request after it has checked its key.

    So a request is looked up at the end of its body, when its key, its limits and its route have
    been checked; its own application then ends as if it were cancelled, as with single flight.
    """

    def __init__(
        self,
        app: ASGIApp,
        cache: AnswerCache,
        *,
        models_of: Callable[[Scope], Models],
        server: ServerSettings,
        worker: JsonWorker,
    ) -> None:
        """*models_of* returns the models that the key of a request may use."""
        self._app = app
        self.cache = cache
        self.models_of = models_of
        self.server = server
        self.worker = worker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: by the application, or from the cache."""
        if scope.get("method") != "POST" or scope["path"] not in ROUTES or _is_faulty(scope):
            await self._app(scope, receive, send)
            return
        lookup = _Lookup(self, scope, receive, send)
        try:
            await self._app(scope, lookup.receive, lookup.send)
        except _Hit as hit:
            await send_again(hit.answer, hit.body, send, headers=[(HEADER, "hit")])
        finally:
            lookup.close()


def _is_faulty(scope: Scope) -> bool:
    return any(name == FAULT.encode() for name, _ in scope["headers"])


class _Hit(asyncio.CancelledError):
    """Ends the application whose request has an answer: it is cancelled, so to speak."""

    def __init__(self, answer: Answer, body: bytes) -> None:
        super().__init__()
        self.answer = answer
        self.body = body


class _Lookup:
    """A request that is looked up, and its answer that may be kept."""

    def __init__(self, cached: Cached, scope: Scope, receive: Receive, send: Send) -> None:
        self._cached = cached
        self._scope = scope
        self._head = head(scope)
        self._receive = receive
        self._send = send
        self._body: BinaryIO | None = temporary()
        """What has been read; None once it has been looked up, or cannot be."""
        self._key: str | None = None
        """For what the answer is kept; None: it is not kept."""
        self._taken = Taken(temporary())

    def close(self) -> None:
        """Remove the temporary files."""
        self._drop_body()
        self._taken.body.close()

    def _drop_body(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    async def receive(self) -> ReceiveMessage:
        """Return the next message; raise `_Hit` at the end of a request that has an answer."""
        message: ReceiveMessage = await self._receive()
        if self._body is None or message["type"] != "http.request":
            return message
        try:
            self._body.write(message["body"])
        except OSError:  # there is no room for a copy: it is not looked up
            self._drop_body()
        if self._body is not None and not message.get("more_body"):
            self._key = await self._find_key(self._body)
            self._drop_body()
            if self._key is not None and (found := await self._cached.cache.find(self._key)):
                raise _Hit(*found)
        return message

    async def _find_key(self, body: BinaryIO) -> str | None:
        """Return the key of the request with *body*; None if it may have several answers."""
        try:
            found = await self._facts(body)
            served = None if found is None else self._served(found)
        # The route reads the request itself, and says what is wrong with it.
        except ApiError:
            return None
        if found is None or served is None:
            return None
        asked = request(self._head, found.digest)
        model = (served.id, served.fingerprint, served.stamp, self._scope.get(IN_SCOPE))
        return digest((asked, model, self._cached.server.strict))

    async def _facts(self, body: BinaryIO) -> Facts | None:
        media = content_type(self._head)
        body.seek(0)
        reading = asyncio.to_thread(content.form, body, media, content.hashed)
        parts = await uninterrupted(reading)
        if parts is not None:
            return facts(of_form(content.of_form(parts)))
        body.seek(0)
        sent = body.read()
        rules = Rules(limits=self._cached.server.limits)
        if len(sent) <= INLINE_BYTES:
            return facts(decoded(sent, object, rules))
        return await self._cached.worker.decode(sent, facts, rules)

    def _served(self, found: Facts) -> ServedModel[Backend] | None:
        """Return the model that answers; None if it may have several answers."""
        models = self._cached.models_of(self._scope)
        served = models.find(found.model)
        if RemoteBackend in served.kinds or served.stamp is None or found.refers_elsewhere:
            return None
        kind = ROUTES[self._scope["path"]]
        if SpeechBackend in served.kinds and (kind == "speech" or ChatBackend not in served.kinds):
            greedy = ("greedy", "default") if served.is_greedy else ("greedy",)
            is_one = found.speech in greedy
        else:
            is_one = kind == "embedding" or found.is_greedy
        return served if is_one else None

    async def send(self, message: Message) -> None:
        """Send *message*; keep the answer before its last one, if it is whole and no error."""
        if self._key is None:
            await self._send(message)
            return
        try:
            self._taken.take(message)
        except OSError:  # there is no room for a copy: it is not kept
            self._key = None
        else:
            if self._taken.complete:
                await self._keep(self._key)
        await self._send(_marked(message))

    async def _keep(self, key: str) -> None:
        record, answer = CURRENT.get(), self._taken.answer
        if answer is None or answer.status != _ANSWERED or (record is not None and record.error):
            return
        headers = [header for header in answer.headers if not header[0].startswith(_NOT_KEPT)]
        self._taken.body.seek(0)
        await self._cached.cache.keep(key, replace(answer, headers=headers), self._taken.body)


def _marked(message: Message) -> Message:
    if message["type"] != "http.response.start":
        return message
    return {**message, "headers": [*message["headers"], (HEADER.encode(), b"miss")]}
