"""Holds decoded audio as 16-bit samples in parts, and converts ranges of it to floats."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples per second of the audio that Whisper was trained on."""

FULL_SCALE = 32_768
"""Divisor that maps 16-bit samples to [-1, 1)."""

SAMPLE_BYTES = 2
"""Bytes of one sample."""


class Samples:
    """Mono audio at 16 kHz, 2 bytes a sample: half the memory of floats.

    The floats are exact, because all decoded audio is quantised to 16 bits.
    """

    def __init__(self, parts: Iterable[NDArray[np.int16]]) -> None:
        """Hold *parts*, arrays of shape (samples,), in order; they are not copied."""
        self._hold(parts)

    def __len__(self) -> int:
        """Return the number of samples, freed ones included."""
        return self._starts[-1]

    def floats(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return samples *start* to *stop* in [-1, 1): a new array of shape (stop - start,).

        Beyond both ends of the audio it has zeros. Raises ValueError for samples that were freed.
        """
        floats = np.zeros(max(stop - start, 0), np.float32)
        offset = max(start, 0) - start
        for part in self._within(max(start, 0), min(stop, len(self))):
            np.multiply(part, np.float32(1 / FULL_SCALE), out=floats[offset : offset + len(part)])
            offset += len(part)
        return floats

    def free(self, stop: int) -> None:
        """Free the parts that end at or before sample *stop*; they can no longer be read."""
        while self._freed < len(self._parts) and self._starts[self._freed + 1] <= stop:
            self._parts[self._freed] = np.empty(0, np.int16)
            self._freed += 1

    def keep(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Keep only samples start to stop of each of *stretches*, joined without gaps."""
        kept = [part for stretch in stretches for part in self._within(*stretch)]
        self._hold(kept)

    def _hold(self, parts: Iterable[NDArray[np.int16]]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._starts = list(accumulate(map(len, self._parts), initial=0))
        self._freed = 0

    def _within(self, start: int, stop: int) -> Iterator[NDArray[np.int16]]:
        """Yield views of the parts that together are samples *start* to *stop*, in order.

        Raises ValueError for samples that were freed.
        """
        index = bisect_right(self._starts, start) - 1
        while start < stop:
            if index < self._freed:
                raise ValueError(f"the samples from {start} on were freed")
            begin, end = self._starts[index], min(stop, self._starts[index + 1])
            yield self._parts[index][start - begin : end - begin]
            start, index = end, index + 1
