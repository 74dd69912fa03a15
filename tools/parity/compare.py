"""Whether two answers say the same, and where they do not."""

import math
from collections.abc import Iterator
from typing import Any

TOLERANCE = 1e-4
"""Of log probabilities: batches of another size are summed in another order."""

VECTORS = 1e-5
"""Of the numbers of embeddings, which are at length 1."""


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Yield where *ours* is not what *theirs* is; keys that only one has count as null."""
    match ours, theirs:
        case dict(), dict():
            for key in ours | theirs:
                yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}".strip("."))
        case (list() | tuple(), list() | tuple()) if len(ours) == len(theirs):
            for at, pair in enumerate(zip(ours, theirs, strict=True)):
                yield from differences(*pair, f"{path}[{at}]")
        case float(), float() if math.isclose(ours, theirs, rel_tol=0, abs_tol=_tolerance(path)):
            return
        case _:
            if ours != theirs:
                yield f"{path}: {_short(ours)} here, {_short(theirs)} there"


def _tolerance(path: str) -> float:
    return VECTORS if path.startswith("vectors") else TOLERANCE


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
