"""What happens to every synthesised clip: 16 kHz, silent ends cut off, one loudness."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from tools.speech.clips import RATE

Starts = list[float | None]

SILENCE = 0.008
"""Amplitude below which the ends of a clip are cut off."""


def finish(
    audio: npt.NDArray[np.float32], rate: int, ratio: float, starts: Starts | None
) -> tuple[npt.NDArray[np.int16], list[float] | None]:
    """Resample to 16 kHz as if the rate were `rate * ratio`, cut silent ends, set the peak."""
    factor = Fraction(RATE / (rate * ratio)).limit_denominator(100)
    audio = resample_poly(audio, factor.numerator, factor.denominator).astype(np.float32)
    loud = np.flatnonzero(np.abs(audio) > SILENCE)
    first, last = (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, len(audio))
    first, last = max(0, first - 160), min(len(audio), last + 320)
    times = None
    if starts is not None:
        scale = rate * float(factor)
        moved = [None if s is None else max(0.0, (s * scale - first) / RATE) for s in starts]
        times = fill(moved, (last - first) / RATE)
    audio = audio[first:last]
    audio = audio / (np.abs(audio).max() + 1e-6) * 0.7
    return (audio * 32767).astype(np.int16), times


def fill(starts: Starts, end: float) -> list[float]:
    """Words whose start the synthesiser did not tell are spread evenly between their neighbours."""
    known = [(0, starts[0] or 0.0)]
    known += [(i, s) for i, s in enumerate(starts) if s is not None and i]
    known.append((len(starts), end))
    places, times = zip(*known, strict=True)
    return [float(t) for t in np.interp(range(len(starts)), places, times)]
