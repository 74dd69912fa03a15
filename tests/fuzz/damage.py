"""Bytes in which something is wrong."""

import random
from collections.abc import Callable


def damaged(draw: random.Random, whole: bytes) -> bytes:
    """Return *whole* as it is, or with up to twenty things done to it."""
    content = bytearray(whole)
    for _ in range(draw.choice((0, 1, 1, 2, 5, 20))):
        if content:
            draw.choice(_DAMAGES)(draw, content)
    return bytes(content)


def _flip(draw: random.Random, content: bytearray) -> None:
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)


def _flip_in_head(draw: random.Random, content: bytearray) -> None:
    content[draw.randrange(min(len(content), 128))] = draw.randrange(256)


def _cut(draw: random.Random, content: bytearray) -> None:
    del content[draw.randrange(len(content)) :]


def _drop(draw: random.Random, content: bytearray) -> None:
    at = draw.randrange(len(content))
    del content[at : at + draw.randrange(1, 200)]


def _repeat(draw: random.Random, content: bytearray) -> None:
    at = draw.randrange(len(content))
    content[at:at] = content[at : at + draw.randrange(1, 200)]


def _insert(draw: random.Random, content: bytearray) -> None:
    at = draw.randrange(len(content))
    content[at:at] = draw.randbytes(draw.randrange(1, 64))


def _overwrite(draw: random.Random, content: bytearray) -> None:
    at = draw.randrange(len(content))
    with_ = draw.choice((b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff"))
    content[at : at + len(with_)] = with_


_DAMAGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip,
    _flip_in_head,
    _cut,
    _drop,
    _repeat,
    _insert,
    _overwrite,
)
