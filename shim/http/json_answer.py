"""Whole answers as JSON: large ones are made and encoded in a thread, beside other requests.

msgspec holds the interpreter's lock for a whole call, in a thread too: 0.2 s for an answer of 128
choices with 20 rivals of each token. So a large answer is encoded piece by piece.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from litestar import MediaType, Response
from msgspec import Raw, Struct
from msgspec.structs import replace

_LIGHT = 1000
"""Items in an answer that is made at once, which takes some 5 ms."""

_TOKEN = 5
"""As many items weighs a token with log probabilities: it may have 20 rivals."""

_PIECE = 64
"""Items of a list that are encoded in one call: tokens with 20 rivals each take 0.3 ms."""

_encode = msgspec.json.Encoder().encode


async def whole(
    make: Callable[[], Struct],
    items: Iterable[Any],
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[Any]:
    """Return the answer that *make* returns, of the engine's *items*, with these *headers*."""
    if sum(1 + _TOKEN * len(getattr(item, "logprobs", ())) for item in items) <= _LIGHT:
        return Response(make(), headers=headers)
    body = await asyncio.to_thread(lambda: in_pieces(make()))
    return Response(body, media_type=MediaType.JSON, headers=headers)


def in_pieces(answer: Struct) -> bytes:
    """Return the JSON of *answer*, in which structures and lists may be nested, by short calls."""
    values = {name: getattr(answer, name) for name in answer.__struct_fields__}
    nested = {
        name: Raw(in_pieces(value) if isinstance(value, Struct) else _list_in_pieces(value))
        for name, value in values.items()
        if isinstance(value, Struct | list)
    }
    return _encode(replace(answer, **nested))


def _list_in_pieces(values: Sequence[Any]) -> bytes:
    if any(isinstance(value, Struct) and _holds_structs(value) for value in values[:1]):
        return b"[%b]" % b",".join(map(in_pieces, values))
    pieces = (values[start : start + _PIECE] for start in range(0, len(values), _PIECE))
    return b"[%b]" % b",".join(_encode(piece)[1:-1] for piece in pieces)


def _holds_structs(value: Struct) -> bool:
    return any(isinstance(getattr(value, name), Struct) for name in value.__struct_fields__)
