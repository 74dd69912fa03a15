"""A request for a batch: what a client says of it, and how long its window is."""

import re

from msgspec import Struct

from shim.errors import InvalidParameter

from .batch import Batch

_SECONDS = {"h": 3600, "d": 24 * 3600}

LONGEST_WINDOW = 30 * _SECONDS["d"]
"""Most seconds of a window."""


class NewBatch(Struct, frozen=True, kw_only=True):
    """What a client says of a batch."""

    input_file_id: str
    endpoint: str
    completion_window: str
    """A number of hours or days, as in `24h` and `7d`."""
    metadata: dict[str, str] | None = None
    output_expires_seconds: int | None = None


def request_of(batch: Batch) -> NewBatch:
    """Return the request that *batch* was made by."""
    return NewBatch(**{name: getattr(batch, name) for name in NewBatch.__struct_fields__})


def window_seconds(text: str) -> int:
    """Return the seconds of a window as `24h` or `7d`; raise InvalidParameter."""
    match = re.fullmatch(r"([1-9][0-9]{0,2})([hd])", text)
    if match is None or (seconds := int(match[1]) * _SECONDS[match[2]]) > LONGEST_WINDOW:
        raise InvalidParameter(
            "`completion_window` must be a number of hours or days, as in '24h' and '7d', of up to "
            "30 days.",
            param="completion_window",
        )
    return seconds
