"""A batch as it is stored: its fields, its states, and the moves between them."""

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from .input import Fault
from .usage import Usage

Status: TypeAlias = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]

_NEXT: dict[Status, tuple[Status, ...]] = {
    "validating": ("in_progress", "failed", "cancelling", "expired"),
    "in_progress": ("finalizing", "expired", "cancelling", "failed"),
    "finalizing": ("completed", "failed"),
    "cancelling": ("cancelled", "failed"),
}
"""The states that follow each state; those that are missing are final."""


class Counts(Struct, frozen=True):
    """The lines of a batch. `completed` and `failed` have a line in a file of results."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class Batch(Struct, frozen=True, kw_only=True):
    """One batch. All times are in Unix seconds; None until it has happened."""

    id: str
    owner: str
    """The digest of the key that made it; empty on a server without keys."""
    endpoint: str
    input_file_id: str
    completion_window: str
    created_at: int
    expires_at: int
    """When what has not run by then is given up."""
    metadata: dict[str, str] | None = None
    output_expires_seconds: int | None = None
    """Seconds that the files of results are kept for; None: as long as other files."""
    status: Status = "validating"
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    faults: tuple[Fault, ...] = ()
    """What is wrong with the input file of a failed batch."""
    counts: Counts = Counts()
    usage: Usage = Usage()
    model: str | None = None
    """The model of all lines; None if there are several, and before the file is checked."""
    output_file_id: str | None = None
    """The file of answers; None before the end, and if no line succeeded."""
    error_file_id: str | None = None
    """The file of errors; None before the end, and if no line failed."""

    @property
    def is_final(self) -> bool:
        """Whether nothing of the batch changes any more."""
        return self.status not in _NEXT

    def may_become(self, status: Status) -> bool:
        """Return whether *status* may follow the present one."""
        return status in _NEXT.get(self.status, ())


def moved(batch: Batch, status: Status, now: float) -> Batch:
    """Return *batch* in the state *status*, which it is in since *now*.

    Raises ValueError if that state does not follow the present one.
    """
    if not batch.may_become(status):
        raise ValueError(f"{batch.id} is {batch.status}: it cannot become {status}")
    return replace(batch, status=status, **{f"{status}_at": int(now)})
