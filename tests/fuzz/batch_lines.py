"""Files of batches in which lines are wrong, and what a server has to say of each."""

import json
import random
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from tests.fuzz.bodies import valid
from tests.fuzz.damage import damaged
from tests.fuzz.mutations import encoded, mutated

ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings")
AT_ONCE = 40
"""Lines of a file; of at most 100 faults the server says where they are."""

_MODELS = ("echo", "echo", "echo", "vectors", "nobody")


class Line(Struct, frozen=True):
    """A line of a file."""

    text: bytes
    """Without its newline."""
    code: str | None = None
    """The code of the fault that it must have; empty if it must have none; None: who knows."""


def files(seed: int, count: int) -> Iterator[tuple[str, list[Line]]]:
    """Yield endpoints and files with *count* lines in all, the same for the same *seed*."""
    for begin in range(0, count, AT_ONCE):
        draw = random.Random(f"{seed}/{begin}")  # noqa: S311
        endpoint = draw.choice(ENDPOINTS)
        size = min(AT_ONCE, count - begin)
        yield endpoint, [_line(draw, endpoint, number) for number in range(size)]


def _line(draw: random.Random, endpoint: str, number: int) -> Line:
    route = ""
    while route != endpoint:
        route, body = valid(draw)
    body = {**body, "model": draw.choice(_MODELS)}
    body.pop("stream", None)
    line = {"custom_id": str(number), "method": "POST", "url": endpoint, "body": body}
    return draw.choice((_right, _odd_body, _odd_line, _broken, _known))(draw, line, number)


def _right(_: random.Random, line: dict[str, Any], __: int) -> Line:
    return Line(encoded(line), "")


def _odd_body(draw: random.Random, line: dict[str, Any], _: int) -> Line:
    return Line(encoded({**line, "body": mutated(draw, line["body"])}))


def _odd_line(draw: random.Random, line: dict[str, Any], _: int) -> Line:
    return Line(encoded(mutated(draw, line)))


def _broken(draw: random.Random, line: dict[str, Any], _: int) -> Line:
    # A newline would make two lines of it, and a blank line is none.
    text = damaged(draw, encoded(line)).replace(b"\n", b" ")
    return Line(text if text.strip() else b"{")


def _known(draw: random.Random, line: dict[str, Any], number: int) -> Line:
    """Return a line with one fault, whose code is known."""
    body = line["body"]
    wrong: dict[str, dict[str, Any]] = {
        "invalid_method": {**line, "method": "GET"},
        "mismatched_endpoint": {**line, "url": "/v1/models"},
        "unsupported_parameter": {**line, "body": {**body, "stream": True}},
        "invalid_custom_id": {**line, "custom_id": ""},
        "missing_required_parameter": {k: v for k, v in line.items() if k != "body"},
        "invalid_parameter": {**line, "custom_id": number},
    }
    code = draw.choice(sorted(wrong))
    if draw.random() < 0.2:
        return Line(json.dumps(line).encode()[:-1], "invalid_json_line")
    return Line(encoded(wrong[code]), code)
