"""Says how a request differs from the nearest one that was recorded."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from shim.errors import shortened

from .request import Request

_VALUE_BYTES = 80
"""Most bytes of a value in a message."""

_MISSING = "nothing"
"""What a message calls the value of a field that is not there."""


class Difference(Struct, frozen=True):
    """The first field in which two requests differ, and how many others do."""

    field: str
    """As in `messages[0].content`; `headers.x-shim-strict` of a header, `query.limit`."""
    here: str
    recorded: str
    others: int

    def __str__(self) -> str:
        more = f", and {self.others} more differ" if self.others else ""
        return f"`{self.field}` is {self.here} here, and {self.recorded} there{more}"


def nearest(request: Request, recorded: Iterable[Request]) -> Difference | None:
    """Return how *request* differs from the one of *recorded* with the fewest other fields.

    None if *recorded* is empty. All of them have its method and path.
    """
    here = dict(_fields(request))
    least: list[str] | None = None
    there: dict[str, Any] = {}
    for other in recorded:
        fields = dict(_fields(other))
        differing = [name for name in here | fields if here.get(name) != fields.get(name)]
        if least is None or len(differing) < len(least):
            least, there = differing, fields
    if not least:
        return None
    return Difference(least[0], _shown(here, least[0]), _shown(there, least[0]), len(least) - 1)


def _fields(request: Request) -> Iterator[tuple[str, Any]]:
    """Yield each value of *request* that is no list or object, under its path."""
    yield from _leaves("", request.content)
    yield from _leaves("headers", request.headers)
    yield from ((f"query.{name}", value) for name, value in request.query)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(f"{path}[{index}]", inner)
    else:
        yield path or "body", value


def _shown(fields: dict[str, Any], name: str) -> str:
    return shortened(repr(fields[name]), _VALUE_BYTES) if name in fields else _MISSING
