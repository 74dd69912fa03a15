"""A proxy in front of a server, with one planted fault: each is a few lines that change bytes."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

LOADED = 8
"""Requests in flight above which a server counts as loaded."""


@dataclass
class Exchange:
    """A request and its answer; a fault changes them. *in_flight* counts this request too."""

    path: str
    request: bytes
    in_flight: int = 0
    kind: str = ""
    answer: bytes = b""


FORWARDED = {"Authorization", "Content-Type"}
"""Headers of requests that are passed on."""

Fault = Callable[[Exchange], None]
"""Is called before the request is passed on, when *answer* is empty, and before the answer is."""


def sound(_: Exchange) -> None:
    """Change nothing."""


def token_dropped_under_load(exchange: Exchange) -> None:
    """Leave out the last token of whole chats while more than 8 requests are in flight."""
    if exchange.in_flight > LOADED and b'"chat.completion"' in exchange.answer:
        fields = json.loads(exchange.answer)
        choice = fields["choices"][0]
        choice["message"]["content"] = choice["message"]["content"][:-1]
        exchange.answer = json.dumps(fields).encode()


def rounded_logprobs(exchange: Exchange) -> None:
    """Round log probabilities to two decimal places."""
    if b'"token_logprobs"' in exchange.answer:
        exchange.answer = re.sub(
            rb"-\d+\.\d+(e-\d+)?", lambda found: b"%.2f" % float(found[0]), exchange.answer
        )


def text_as_json(exchange: Exchange) -> None:
    """Send a transcription as a string of JSON where a plain text was requested."""
    if exchange.kind.startswith("text/plain") and b"\r\ntext\r\n" in exchange.request:
        exchange.kind = "application/json"
        exchange.answer = json.dumps(exchange.answer.decode()).encode()


def ignored_language(exchange: Exchange) -> None:
    """Take the field `language` out of forms."""
    part = rb'--[^\r]+\r\nContent-Disposition: form-data; name="language"\r\n\r\n[^\r]*\r\n'
    exchange.request = re.sub(part, b"", exchange.request)


def stream_without_its_end(exchange: Exchange) -> None:
    """Leave out the event with the finish_reason, and those after it."""
    if exchange.kind.startswith("text/event-stream"):
        exchange.answer = re.sub(
            rb'data: [^\n]*"finish_reason":"\w+".*', b"", exchange.answer, flags=re.DOTALL
        )


@asynccontextmanager
async def in_front_of(url: str, fault: Fault) -> AsyncIterator[str]:
    """Serve *url*, without `/v1`, through *fault*; yield the base URL of the proxy."""
    in_flight = 0

    async def pass_on(request: web.Request) -> web.Response:
        nonlocal in_flight
        in_flight += 1
        try:
            exchange = Exchange(request.path, await request.read())
            fault(exchange)
            headers = {name: request.headers[name] for name in FORWARDED & request.headers.keys()}
            call = session.request(
                request.method, f"{url}{request.path}", data=exchange.request, headers=headers
            )
            async with call as answer:
                exchange.answer, exchange.in_flight = await answer.read(), in_flight
                exchange.kind = answer.headers.get("content-type", "")
                fault(exchange)
                sent = {"content-type": exchange.kind}
                if manifest := answer.headers.get("x-shim-manifest"):
                    sent["x-shim-manifest"] = manifest
                return web.Response(status=answer.status, body=exchange.answer, headers=sent)
        finally:
            in_flight -= 1

    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", pass_on)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        TestServer(application) as proxy,
    ):
        yield str(proxy.make_url("/v1"))
