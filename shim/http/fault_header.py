"""Reads the header `x-shim-fault`, in which a client orders a fault for its own request."""

import random
import re
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shim.errors import InvalidParameter, invalid

HEADER = "x-shim-fault"

RETRY_COUNT = "x-stainless-retry-count"
"""The header in which OpenAI's clients count their retries of one call, from 0."""

_NUMBER = re.compile(r"[0-9]{0,9}")

LONGEST_SECONDS = 600.0
"""Most seconds that a fault may make an answer take longer: the time-out of OpenAI's clients."""

Seconds = Annotated[float, Meta(ge=0, le=LONGEST_SECONDS)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Fault(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A fault: one of the first seven fields, and where and when it happens."""

    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """The status of an error that is the answer."""
    stall: Seconds | None = None
    """Seconds in which nothing is sent."""
    trickle: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Bytes of the body that are sent per second."""
    disconnect: bool = False
    """Whether the connection is closed."""
    cut: bool = False
    """Whether the body ends early, but as HTTP demands."""
    cut_event: bool = False
    """The same, in the middle of an event."""
    malformed: bool = False
    """Whether the JSON lacks its first brace."""

    retry_after: Annotated[float, Meta(ge=0, le=60)] | None = None
    """Seconds in the `retry-after` headers beside `status`; None: the headers are left out."""
    after: Count | None = None
    """Events of a stream, or bytes of another body, that are sent before the fault; None: for a
    stall and a disconnect not even the status is sent."""
    attempts: Count | None = None
    """Attempts of a call that have the fault: the first ones; None: all."""
    rate: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Share of the requests that have the fault, drawn at random."""

    def happens(self, retry_count: str) -> bool:
        """Return whether an attempt has this fault; *retry_count* is its header, or empty.

        Raises InvalidParameter if *retry_count* is not a number.
        """
        if self.attempts is not None:
            if not _NUMBER.fullmatch(retry_count):
                raise InvalidParameter(f"`{RETRY_COUNT}` must be a number.", param=RETRY_COUNT)
            if int(retry_count or 0) >= self.attempts:
                return False
        return random.random() < self.rate  # noqa: S311  no secret


_WITH_VALUE = ("status", "stall", "trickle")
_WITHOUT_VALUE = {"disconnect", "cut", "cut-event", "malformed"}
_FAULTS = (*_WITH_VALUE, *sorted(_WITHOUT_VALUE))


def parse(header: str) -> Fault:
    """Return the fault that *header* orders, as in `status=429; retry-after=2; attempts=1`.

    Raises InvalidParameter, whose message names the header.
    """
    parts = [part.strip().partition("=") for part in header.split(";") if part.strip()]
    values = {name.strip(): value.strip() for name, _, value in parts}
    if sum(name in _FAULTS for name in values) != 1 or len(values) != len(parts):
        raise _refused(f"must have exactly one of {', '.join(_FAULTS)}, and no name twice")
    for name, value in values.items():
        if (name in _WITHOUT_VALUE) != (value == "") or value.lower() == "null":
            raise _refused(f"has a wrong value for `{name}`")
    flags = dict.fromkeys(_WITHOUT_VALUE & values.keys(), True)
    if "retry-after" in values and "status" not in values:
        raise _refused("has `retry-after` only beside `status`")
    if "after" in values and "status" in values:
        raise _refused("has `after` only without `status`")
    try:
        return msgspec.convert({**values, **flags}, Fault, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, HEADER) from error


def _refused(problem: str) -> InvalidParameter:
    return InvalidParameter(f"`{HEADER}` {problem}.", param=HEADER)
