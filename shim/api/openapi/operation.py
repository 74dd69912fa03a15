"""The description that a handler carries of its route, for the OpenAPI document."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

OPT = "operation"
"""The key of a handler's `opt` that holds its Operation."""

Schemas = dict[str, Any]
"""JSON schemas by name, as in `components.schemas` of the document."""


class Operation(Struct, frozen=True, kw_only=True):
    """A route's summary, and the types that it reads and answers.

    The handler's decorator takes it: `@get("/health", operation=Operation(…))`. Litestar puts the
    arguments that it does not know into the handler's `opt`.
    """

    summary: str
    """A sentence for users of the route."""
    request: Any = None
    """Type of the JSON body; None if the route reads no body."""
    answers: tuple[Any, ...] = ()
    """Types of JSON answers: an answer is one of these."""
    text: bool = False
    """True if an answer may be plain text."""
    binary: bool = False
    """True if an answer has the bytes of a file."""
    events: tuple[Any, ...] = ()
    """Types of the events of a stream: an event's data is one of these."""
    unavailable: Any = None
    """Type of a 503's body, where a 503 is an ordinary answer and not an error."""
    refers_to: tuple[Any, ...] = ()
    """Further types that `body` refers to."""
    body: Callable[[Schemas], dict[str, Any]] | None = None
    """Returns the schemas of the body by media type; None: the body is JSON of `request` only."""
    describe: Callable[[Schemas], None] | None = None
    """Adds to the schemas what their types cannot express."""
