"""Finds the differences of two answers."""

import math
from collections.abc import Iterator
from typing import Any

TOLERANCE = 1e-4
"""Largest difference of log probabilities that counts as none: a batch of another size is summed
in another order."""

VECTORS = 1e-5
"""Largest difference of the numbers of embeddings, vectors of length 1, that counts as none."""


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Yield a line for each difference of two values of JSON; a missing key counts as null."""
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
