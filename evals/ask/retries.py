"""Retries of one sample: the SDK's, which are counted, and ours, of a stream that was cut."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import backoff
import msgspec
import openai
from openai._legacy_response import LegacyAPIResponse

from evals.failures import StreamCut

T = TypeVar("T")


class Tries(msgspec.Struct):
    """Numbers of retries that one sample needed: the SDK's, and ours of streams."""

    sdk: int = 0
    streams: int = 0


async def send(call: Awaitable[LegacyAPIResponse[T]], tries: Tries) -> LegacyAPIResponse[T]:
    """Await a `with_raw_response` call; add the SDK's own retries to *tries*, also if it fails."""
    try:
        response = await call
    except openai.APIError as error:
        # The SDK numbers its attempts in this header; the last request is kept in the exception.
        tries.sdk += int(error.request.headers.get("x-stainless-retry-count", 0))
        raise
    tries.sdk += response.retries_taken
    return response


async def unbroken(read: Callable[[], Awaitable[T]], *, max_retries: int, tries: Tries) -> T:
    """Call *read* until its stream arrives whole, at most *max_retries* times after the first call.

    A stream that was cut is requested again from its beginning: two halves of two answers are not
    an answer. The waits are the SDK's (0.5 s, doubled, at most 8 s), with full jitter. Raises the
    last StreamCut.
    """

    def count(_: object) -> None:
        tries.streams += 1

    # backoff only recognises `async def`, and *read* may be a lambda.
    async def once() -> T:
        return await read()

    retrying = backoff.on_exception(
        backoff.expo,
        StreamCut,
        factor=0.5,
        max_value=8,
        max_tries=max_retries + 1,
        on_backoff=count,
        logger=None,
    )
    answer: T = await retrying(once)()
    return answer
