"""Makes JSON answers; large ones are made and encoded in a thread, while other requests run.

msgspec holds the interpreter's lock for a whole call, in a thread too: 0.2 s for an answer of 128
choices with 20 alternatives to each token. Therefore a large answer is encoded piece by piece.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from litestar import MediaType, Response
from msgspec import Raw, Struct
from msgspec.structs import replace

_INLINE_ITEMS = 1000
"""Most items of an answer that is made on the event loop, in about 5 ms."""

_ITEMS_PER_TOKEN = 5
"""Items that a token with log probabilities counts as: it may have 20 alternatives."""

_PIECE_ITEMS = 64
"""Items of a list that are encoded in one call: 0.3 ms for tokens with 20 alternatives each."""

_encode = msgspec.json.Encoder().encode


async def json_response(
    make: Callable[[], Struct],
    items: Iterable[Any],
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[Any]:
    """Return a response whose body is the Struct that *make* returns, with these *headers*.

    *items* are the engine's, from which *make* makes the body: their number and their log
    probabilities decide whether that runs here or in a thread.
    """
    size = sum(1 + _ITEMS_PER_TOKEN * len(getattr(item, "logprobs", ())) for item in items)
    if size <= _INLINE_ITEMS:
        return Response(make(), headers=headers)
    body = await asyncio.to_thread(lambda: encoded_in_pieces(make()))
    return Response(body, media_type=MediaType.JSON, headers=headers)


def encoded_in_pieces(answer: Struct) -> bytes:
    """Return the JSON of *answer*, which may hold nested Structs and lists, using short calls."""
    values = {name: getattr(answer, name) for name in answer.__struct_fields__}
    nested = {
        name: Raw(encoded_in_pieces(value) if isinstance(value, Struct) else _encoded_list(value))
        for name, value in values.items()
        if isinstance(value, Struct | list)
    }
    return _encode(replace(answer, **nested))


def _encoded_list(values: Sequence[Any]) -> bytes:
    if any(isinstance(value, Struct) and _holds_structs(value) for value in values[:1]):
        return b"[%b]" % b",".join(map(encoded_in_pieces, values))
    starts = range(0, len(values), _PIECE_ITEMS)
    pieces = (values[start : start + _PIECE_ITEMS] for start in starts)
    return b"[%b]" % b",".join(_encode(piece)[1:-1] for piece in pieces)


def _holds_structs(value: Struct) -> bool:
    return any(isinstance(getattr(value, name), Struct) for name in value.__struct_fields__)
