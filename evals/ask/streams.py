"""Reads a stream to its end, and raises an error if it was cut before."""

from collections.abc import AsyncIterator
from typing import Any

import openai
from openai._legacy_response import LegacyAPIResponse

from evals.ask.describe import describe
from evals.failures import NotStreamed, StreamCut


async def events(response: LegacyAPIResponse[Any]) -> AsyncIterator[Any]:
    """Yield the events of *response*.

    Raises NotStreamed if it is not an event stream, and StreamCut if the connection breaks or the
    server reports an error after the first byte: the SDK retries neither. An error that blames the
    request would come again, so it is raised unchanged.
    """
    kind = response.headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        await response.http_response.aclose()
        raise NotStreamed(f"asked for a stream, got {kind or 'no content type'}")
    try:
        async with response.parse() as stream:
            async for event in stream:
                yield event
    except openai.APIError as error:
        if error.type == "invalid_request_error":
            raise
        raise StreamCut(describe(error), request_id=response.request_id) from error
    except ValueError as error:
        raise StreamCut(f"half an event: {error}", request_id=response.request_id) from error
