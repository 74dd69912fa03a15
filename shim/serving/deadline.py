"""Until when a request must be answered, for the queue of the model that it names."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """Times of one request, in seconds of `time.monotonic`; None is never."""

    answer_by: float | None = None
    """When its client stops waiting. It is refused if its turn would come much later."""
    start_by: float | None = None
    """When it is dropped if it still waits for a slot."""
    end_by: float | None = None
    """When it is ended, also if it runs: the server's own limit."""


NEVER = Deadline()

DEADLINE: ContextVar[Deadline] = ContextVar("shim.deadline", default=NEVER)
"""That of the request that the present task works for."""
