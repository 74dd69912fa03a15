"""JSON in which something is wrong: values of another kind, too large, too deep, gone, doubled."""

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.fuzz.damage import damaged

Container = dict[Any, Any] | list[Any]


class _Twin(str):
    """A key that may stand beside its like: JSON allows that, `dict` does not."""

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__


DEPTHS = (30, 150, 500, 900, 990, 100_000)
DEEP = {
    f"deep {depth} {left}": f"{left * depth}1{right * depth}"
    for depth in DEPTHS
    for left, right in (("[", "]"), ('{"a":', "}"))
}
"""Texts that stand for what is nested too deeply for Python to write."""

NUMBERS = (
    *(0, 1, -1, 2, 3, 20, 21, 100, 2047, 2048, 65536),
    *(1 << 31, (1 << 31) - 1, -(1 << 31), 1 << 32, 1 << 53, (1 << 63) - 1, -(1 << 63)),
    *(1 << 63, 1 << 64, 10**30, -(10**30), 10**400),
    *(0.5, -0.5, 1e-9, 5e-324, 1e308, -1e308, 1.5e300, 1e22, -0.0, 2.0, 1.0),
    *(float("nan"), float("inf"), float("-inf")),
)
TEXTS = (
    *("", " ", "0", "1", "-1", "1e999", "NaN", "nan", "null", "true", "None", "auto", "none"),
    *("text", "user", "tool", "assistant", "function", "json_object", "required", "root ::= a"),
    *("\x00", "\ud800", "a\udfffb", "\U0001f600" * 9, "é" * 300, "\u202e", "\ufeff", "\r\n\r\n"),
    *("<|end|>", "<|bos|>", "<tool_call>", "<image>", "{{ 1 }}", "{% for %}", "{{ a.b.c }}"),
    *("data:image/png;base64,", "data:,", "data:image/png;base64,AAAA", "http://127.0.0.1:1/x"),
    *("file:///etc/passwd", "../../etc/passwd", "(a+)+$", "((", "[a-z]{1,5000}", "\\", '"'),
    *DEEP,
    *('{"a": 1}', "[]", "{", "word " * 3000, "x" * 100_000, "a" * 1_000_000),
)
OTHERS = (
    *(None, True, False, [], {}, [None], [[]], {"": None}, {"a": {"b": []}}, [1, "a", None]),
    *([0] * 5000, ["a"] * 3000, {str(at): at for at in range(2000)}, [[60]] * 40),
    {"type": "object", "properties": {"a": {"$ref": "#"}}},
    {"$ref": "#/nowhere"},
    {"type": "string", "pattern": "((", "maxLength": 1 << 40},
    {"type": "array", "items": True, "minItems": 1 << 31},
)


def odd(draw: random.Random) -> Any:
    """Return a value that few expect."""
    return deepcopy(draw.choice(draw.choice((NUMBERS, TEXTS, OTHERS))))


def mutated(draw: random.Random, body: dict[str, Any]) -> Any:
    """Return *body* with up to five things done to it."""
    whole: Container = [deepcopy(body)]
    for _ in range(draw.choice((0, 1, 1, 1, 2, 2, 5))):
        if whole:
            draw.choice(_MUTATIONS)(draw, *_place(draw, whole))
    return whole[0] if whole else None


def encoded(body: Any) -> bytes:
    """Return *body* as JSON, with NaN and lone surrogates in it as Python writes them."""
    text = json.dumps(body)
    for name, nested in DEEP.items():
        text = text.replace(json.dumps(name), nested)
    return text.encode()


def _place(draw: random.Random, whole: Container) -> tuple[Container, Any]:
    """Return a container and a key in it, near the root as likely as deep inside."""
    found, key = whole, 0
    while True:
        keys = list(found) if isinstance(found, dict) else list(range(len(found)))
        if not keys:
            return whole, 0
        key = draw.choice(keys)
        within = found[key]
        if not isinstance(within, dict | list) or not within:
            return found, key
        if found is not whole and draw.random() < 0.4:
            return found, key
        found = within


# ── mutations ─────────────────────────────────────────────────────────────────


def _swap(draw: random.Random, found: Any, key: Any) -> None:
    found[key] = odd(draw)


def _like(draw: random.Random, found: Any, key: Any) -> None:
    """Put a value of the same kind: those get furthest."""
    match found[key]:
        case bool():
            found[key] = not found[key]
        case int() | float():
            found[key] = draw.choice(NUMBERS)
        case str() as text if text.startswith("data:image/png;base64,") and draw.random() < 0.8:
            found[key] = _image(draw, text)
        case str():
            found[key] = draw.choice(TEXTS)
        case list() as several:
            found[key] = several * draw.choice((0, 2, 50))
        case _:
            found[key] = odd(draw)


def _image(draw: random.Random, url: str) -> str:
    """Damage what is in a `data:` URL, or let it say that it is very large."""
    content = bytearray(base64.b64decode(url.partition(",")[2]))
    if draw.random() < 0.3:
        content[16:24] = struct.pack(">II", *(draw.choice((0, 1, 5000, 60000, 1 << 31)),) * 2)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    else:
        content = bytearray(damaged(draw, bytes(content)))
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _remove(_: random.Random, found: Any, key: Any) -> None:
    del found[key]


def _double(draw: random.Random, found: Any, key: Any) -> None:
    if isinstance(found, dict):
        found[_Twin(key)] = draw.choice((deepcopy(found[key]), odd(draw)))
    else:
        found.insert(key, deepcopy(found[key]))


def _wrap(draw: random.Random, found: Any, key: Any) -> None:
    found[key] = draw.choice(([found[key]], {"a": found[key]}, {"type": found[key]}))


def _null(_: random.Random, found: Any, key: Any) -> None:
    found[key] = None


def _as_text(_: random.Random, found: Any, key: Any) -> None:
    found[key] = json.dumps(found[key])


def _rename(draw: random.Random, found: Any, key: Any) -> None:
    if isinstance(found, dict):
        found[draw.choice(TEXTS)[:200]] = found.pop(key)


def _add(draw: random.Random, found: Any, _: Any) -> None:
    if isinstance(found, dict):
        found[draw.choice(("x", "type", "name", "", "temperature", "n", "model"))] = odd(draw)
    else:
        found.append(odd(draw))


_MUTATIONS: tuple[Callable[[random.Random, Any, Any], None], ...] = (
    _swap,
    _swap,
    _swap,
    _like,
    _like,
    _like,
    _remove,
    _double,
    _wrap,
    _null,
    _as_text,
    _rename,
    _add,
)
