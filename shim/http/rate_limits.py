"""Applies rate limits to requests: charges each one's key, and adds OpenAI's headers to answers."""

from typing import cast

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shim.errors import RATE_LIMITED
from shim.key_settings import Rates
from shim.serving.request_record import CURRENT, RequestRecord

from .rate_limiter import Charges, RateLimiter, duration

_CHARGES = "shim.charges"
"""The key of a request's Charges in its scope."""

_PREFIX = b"x-ratelimit-"


class RateLimits:
    """An ASGI application around another that charges requests for their tokens and their audio.

    They are known at the latest when the answer has ended, however it ends. Requests that `begin`
    was not called for are not charged.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._app(scope, receive, send)
        finally:
            if (charges := _charges(scope)) is not None:
                charges.settle()


def begin(scope: Scope, limiter: RateLimiter, key: bytes, limits: Rates) -> None:
    """Charge the request of *scope* to *key*, the digest of a key; raise RateLimited if refused."""
    record = CURRENT.get()
    if record is None:
        CURRENT.set(record := RequestRecord())
    charges = limiter.start(key, limits, record)
    scope[_CHARGES] = charges  # type: ignore[literal-required]
    charges.begin()


async def add_headers(message: Message, scope: Scope) -> None:
    """Add the rate limits of the request's key to *message*, if it begins an answer.

    What remains is left out where it is less than 1, but not of a refusal: clients take 0 for one.
    """
    charges = _charges(scope)
    if charges is None or message["type"] != "http.response.start":
        return
    charges.settle()
    refused = message["status"] == RATE_LIMITED
    headers = []
    for left in charges.remaining():
        headers.append((f"limit-{left.unit}", str(left.limit)))
        if left.amount >= 1 or refused:
            headers.append((f"remaining-{left.unit}", str(max(int(left.amount), 0))))
        headers.append((f"reset-{left.unit}", duration(left.reset_seconds)))
    added = [(_PREFIX + name.encode(), value.encode()) for name, value in headers]
    # Those of an answer of another server are of its own key.
    others = [header for header in message["headers"] if not header[0].startswith(_PREFIX)]
    message["headers"] = [*others, *added]


def _charges(scope: Scope) -> Charges | None:
    return cast("Charges | None", scope.get(_CHARGES))
