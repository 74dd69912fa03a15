"""Finds the model's name in a JSON body, and whether a stream is wanted, and decodes no more."""

import msgspec
import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

Body = bytes | bytearray


class Peeked(Struct, frozen=True, kw_only=True):
    """What decides where a request goes, and the place of the model's name in its body."""

    model: str | None
    """None if the body names none, or null."""
    stream: bool
    name_start: int
    name_end: int
    """The name with its quotes is in the bytes from *name_start* to before *name_end*. If the body
    has no `model`, both are the place after its opening brace."""
    has_name: bool
    """Whether the body has a `model`."""
    is_empty: bool = False
    """Whether the body's object has no members."""


class _Fields(Struct):
    model: Raw | UnsetType = UNSET
    stream: Raw | UnsetType = UNSET


def peeked(body: Body) -> Peeked | None:
    """Return what *body*, in UTF-8, says; None if it is not an object, or its model is no string.

    Takes about 3 µs, and at worst 3 ms per MB.
    """
    try:
        fields = msgspec.json.decode(body, type=_Fields)
        if isinstance(fields.model, Raw):
            name: str | None = msgspec.json.decode(fields.model, type=str | None)
            start = _address(fields.model) - _address(body)
            end = start + len(bytes(fields.model))
        else:
            name, start = None, body.index(b"{") + 1
            end = start
    # RecursionError: nested too deeply. A route reads such a body itself, and says what is wrong.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Peeked(
        model=name,
        stream=isinstance(fields.stream, Raw) and bytes(fields.stream) == b"true",
        name_start=start,
        name_end=end,
        has_name=fields.model is not UNSET,
        is_empty=fields.model is UNSET and not body[end:].strip().removesuffix(b"}").strip(),
    )


def _address(data: Body | Raw) -> int:
    """Return where *data* is in memory: a Raw shares the memory of the body that it is from."""
    return int(np.frombuffer(data, np.uint8).ctypes.data)
