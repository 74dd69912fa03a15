"""What a program of a recipe writes, and whether two of them found the same."""

from pathlib import Path

import msgspec

WITHIN = 1e-3
"""Largest difference of two log probabilities that count as equal."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task: its score, and what the harness got for each sample.

    *samples* are texts, or log probabilities (natural logarithm), in the order of the task.
    *not_run* is why the task was left out; then there is neither score nor samples.
    """

    task: str
    score: float | None = None
    samples: list[str | float] = []
    not_run: str = ""


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that a program writes; *harness* is its name and version."""

    harness: str
    rows: list[Row]


def read(file: Path) -> Scores:
    """Return the scores in *file*. Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode(file.read_bytes(), type=Scores)


def difference(served: Row, computed: Row) -> str:
    """Return what differs between the two, or ""."""
    if served.score != computed.score:
        return f"score {served.score}, in process {computed.score}"
    if len(served.samples) != len(computed.samples):
        return f"{len(served.samples)} samples, in process {len(computed.samples)}"
    pairs = zip(served.samples, computed.samples, strict=True)
    unlike = [(at, *pair) for at, pair in enumerate(pairs) if not _alike(*pair)]
    if not unlike:
        return ""
    at, one, other = unlike[0]
    return f"{len(unlike)} samples, first the one of index {at}: {one!r}, in process {other!r}"


def _alike(one: str | float, other: str | float) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return abs(one - other) <= WITHIN
