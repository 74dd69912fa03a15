"""How a batch ends in each state, and what the lines get then that have no result."""

from .batch import Status
from .results import LineError

_EXPIRED = LineError(
    "batch_expired",
    "This request could not be executed before the completion window expired.",
)
_CANCELLED = LineError("batch_cancelled", "The batch was cancelled before this request ended.")

_LOST = LineError("server_error", "The result of this request was lost: its disk has an error.")

ENDS: dict[Status, tuple[Status, LineError]] = {
    "in_progress": ("expired", _EXPIRED),
    "finalizing": ("completed", _LOST),
    "cancelling": ("cancelled", _CANCELLED),
}
"""The last state of a batch whose files are written in each state, and the lines' error."""
