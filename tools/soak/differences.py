"""In what two answers to the same request differ, and by how much."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_TIMES = ("start", "end", "duration")
_OF_EACH_ANSWER = ("id", "created")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far two answers are apart."""

    text: bool
    """Whether anything but a number differs: a text, a token, the number of segments."""
    time: float
    """The worst difference of a time, in seconds."""
    number: float
    """The worst difference of any other number, such as a log probability."""

    def __bool__(self) -> bool:
        """Return whether the answers differ at all."""
        return self.text or self.time > 0 or self.number > 0


def difference(one: bytes, other: bytes) -> Difference:
    """Return the difference of two bodies; those of JSON without their ids and creation times."""
    found = [*_differences("", _read(one), _read(other))]
    return Difference(
        text=any(kind == "text" for kind, _ in found),
        time=max((by for kind, by in found if kind == "time"), default=0.0),
        number=max((by for kind, by in found if kind == "number"), default=0.0),
    )


def _read(body: bytes) -> Any:
    if not body.startswith(b"{"):
        return body.decode()
    answer = json.loads(body)
    return {name: value for name, value in answer.items() if name not in _OF_EACH_ANSWER}


def _differences(name: str, one: Any, other: Any) -> Iterator[tuple[str, float]]:
    """Yield each difference within the value of *name*, as its kind and its amount."""
    if one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differences(key, one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for item, another in zip(one, other, strict=True):
            yield from _differences(name, item, another)
    elif isinstance(one, float) and isinstance(other, float):
        yield "time" if name in _TIMES else "number", abs(one - other)
    else:
        yield "text", 0.0
