"""What a program of a recipe writes, and whether two of them found the same."""

from pathlib import Path

import msgspec

WITHIN = 1e-3
"""Largest difference of two log probabilities that count as equal."""


Value = str | float | list[str | float]
"""What a harness got for a sample: a text, a log probability (natural logarithm), or several."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task: its score, and what the harness got for each sample.

    *samples* are in the order of the task.
    *not_run* is why the task was left out; then there is neither score nor samples.
    """

    task: str
    score: float | None = None
    samples: list[Value] = []
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


def _alike(one: Value, other: Value) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= WITHIN
    return one == other
