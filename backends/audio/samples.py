"""Decoded audio: 16-bit samples in parts, turned into floats a piece at a time."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples per second, as Whisper was trained."""

FULL_SCALE = 32_768
"""What a 16-bit sample is divided by to lie in [-1, 1)."""

SAMPLE_BYTES = 2
"""Bytes of one sample."""


class Samples:
    """Mono audio at 16 kHz, 2 bytes a sample: half of what floats would take.

    Every decoder's output is quantised to 16 bits, so that the floats are exact.
    """

    def __init__(self, parts: Iterable[NDArray[np.int16]]) -> None:
        """Hold *parts*, arrays of shape (samples,), in order; they are not copied."""
        self._hold(parts)

    def __len__(self) -> int:
        """Return the number of samples, forgotten ones included."""
        return self._starts[-1]

    def floats(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return samples *start* to *stop* in [-1, 1), zeros beyond both ends: a fresh array.

        Raises ValueError for samples that were forgotten.
        """
        floats = np.zeros(max(stop - start, 0), np.float32)
        at = max(start, 0) - start
        for part in self._within(max(start, 0), min(stop, len(self))):
            np.multiply(part, np.float32(1 / FULL_SCALE), out=floats[at : at + len(part)])
            at += len(part)
        return floats

    def forget(self, stop: int) -> None:
        """Give back the memory of the parts that end before *stop*; nobody reads them any more."""
        while self._forgotten < len(self._parts) and self._starts[self._forgotten + 1] <= stop:
            self._parts[self._forgotten] = np.empty(0, np.int16)
            self._forgotten += 1

    def keep(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Hold samples start to stop of each of *stretches*, one after another, and no others."""
        kept = [part for stretch in stretches for part in self._within(*stretch)]
        self._hold(kept)

    def _hold(self, parts: Iterable[NDArray[np.int16]]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._starts = list(accumulate(map(len, self._parts), initial=0))
        self._forgotten = 0

    def _within(self, start: int, stop: int) -> Iterator[NDArray[np.int16]]:
        """Yield what the parts hold of samples *start* to *stop*, in order.

        Raises ValueError for samples that were forgotten.
        """
        index = bisect_right(self._starts, start) - 1
        while start < stop:
            if index < self._forgotten:
                raise ValueError(f"the samples from {start} on are forgotten")
            begin, end = self._starts[index], min(stop, self._starts[index + 1])
            yield self._parts[index][start - begin : end - begin]
            start, index = end, index + 1
