"""Reads from another server's answer how many tokens, or seconds of audio, it took."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from backends.base import RemoteHead
from shim.serving.request_metrics import RemoteUsage

_NAME = b'"usage"'
"""Only a key, or a whole string, has these bytes: within a string the quotes are escaped."""

_BYTES = 4096
"""Most bytes of a usage; OpenAI's has some 300."""

_decode = json.JSONDecoder().raw_decode

Items = AsyncGenerator[RemoteHead | bytes | RemoteUsage, None]


async def with_usage(items: AsyncGenerator[RemoteHead | bytes, None]) -> Items:
    """Yield *items*, then what their last `usage` says, if there is one."""
    last = b""
    async with aclosing(items):
        async for item in items:
            if isinstance(item, bytes) and _NAME in item:
                last = item
            yield item
    if (usage := usage_in(last)) is not None:
        yield usage


def usage_in(data: bytes) -> RemoteUsage | None:
    """Return the last `usage` in *data*, the end of an answer; None if it has none or a null.

    Reads the names of chats and completions, of responses, and of transcriptions.
    """
    _, name, value = data.rpartition(_NAME)
    text = value[:_BYTES].decode("latin-1").lstrip(" :")
    if not name or not text.startswith("{"):
        return None
    try:
        usage, _ = _decode(text)
    except (ValueError, RecursionError):  # longer than any usage, or cut off
        return None
    return RemoteUsage(
        prompt_tokens=int(_number(usage, "prompt_tokens", "input_tokens")),
        completion_tokens=int(_number(usage, "completion_tokens", "output_tokens")),
        audio_seconds=_number(usage, "seconds"),
    )


def _number(usage: dict[str, Any], *names: str) -> float:
    values = (usage.get(name) for name in names)
    return next((value for value in values if isinstance(value, int | float) and value > 0), 0)
