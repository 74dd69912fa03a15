"""Runs faster-whisper's detection of speech on a long recording in bounded memory.

faster-whisper's own function makes an array of overlapping windows of the whole recording, and two
copies of the samples: 3 GB for four hours. Here the network gets half a minute of windows at a
time, and returns the same probabilities.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.audio.samples import RATE, Samples

# Samples and the shape of the network's state, from `faster_whisper.vad.SileroVADModel`.
_WINDOW, _CONTEXT, _STATE = 512, 64, (1, 1, 128)

_BATCH = 1000
"""Windows (32 s) in one call of the network, which then takes some 30 MB."""

Stretch = dict[str, int]
"""The `start` and `end` of a stretch of speech, in samples."""


def speech(
    samples: Samples, parameters: Mapping[str, Any], check: Callable[[], None]
) -> list[Stretch]:
    """Return what `faster_whisper.vad.get_speech_timestamps` returns for *samples*.

    *parameters* are fields of its `VadOptions`. *check* is called before each half minute, and may
    raise to end the work.
    """
    from faster_whisper import vad

    # The function takes no model as an argument, so its code runs with other globals.
    model = partial(_probabilities, samples, vad.get_vad_model(), check)
    names = {**vars(vad), "get_vad_model": lambda: model}
    timestamps = FunctionType(vad.get_speech_timestamps.__code__, names)
    stretches: list[Stretch] = timestamps(stand_in(samples), vad.VadOptions(**parameters), RATE)
    return stretches


def stand_in(samples: Samples) -> NDArray[np.int8]:
    """Return an array as long as *samples* that takes one byte of memory in all.

    faster-whisper needs an array, but here only uses its length: the samples reach the spectrogram
    through `Extractor`, and the network through this module.
    """
    return np.broadcast_to(np.int8(0), len(samples))


def _probabilities(
    samples: Samples, model: Any, check: Callable[[], None], padded: NDArray[Any]
) -> NDArray[np.float32]:
    """Return the probability of speech in each window of *samples*: shape (windows,).

    *padded* is the array that faster-whisper would pass; only its length is used.
    """
    count = len(padded) // _WINDOW
    h = c = np.zeros(_STATE, np.float32)
    outputs = []
    for first in range(0, count, _BATCH):
        check()
        windows = _windows(samples, first, min(first + _BATCH, count), count)
        output, h, c = model.session.run(None, {"input": windows, "h": h, "c": c})
        outputs.append(output)
    return np.concatenate(outputs)


def _windows(samples: Samples, first: int, last: int, count: int) -> NDArray[np.float32]:
    """Return windows *first* to *last* of *count*, each preceded by the end of the one before.

    The shape is (last - first, 64 + 512).
    """
    floats = samples.floats(first * _WINDOW - _CONTEXT, last * _WINDOW)
    view = np.lib.stride_tricks.sliding_window_view(floats, _CONTEXT + _WINDOW)[::_WINDOW]
    windows = np.array(view)
    if last == count:
        # As in faster-whisper, which makes the first window's context from the end of the last one,
        # and clears that in place.
        windows[-1, -_CONTEXT:] = 0
    return windows
