"""faster-whisper's detection of speech in a long recording, in bounded memory.

Its own function turns the whole recording into an array of overlapping windows, beside two copies
of the samples: 3 GB for four hours. Here the network is given half a minute of windows at a time,
and the same probabilities come out.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.audio.samples import RATE, Samples

# The network's, from `faster_whisper.vad.SileroVADModel`.
_WINDOW, _CONTEXT, _STATE = 512, 64, (1, 1, 128)

_BATCH = 1000
"""Windows (32 s) that the network is given at once, for which it takes some 30 MB."""

Stretch = dict[str, int]
"""`start` and `end` of speech, in samples."""


def speech(
    samples: Samples, parameters: Mapping[str, Any], check: Callable[[], None]
) -> list[Stretch]:
    """Return what `faster_whisper.vad.get_speech_timestamps` returns for *samples*.

    *parameters* are fields of its `VadOptions`. *check* is called before each half minute; what it
    raises ends the work.
    """
    from faster_whisper import vad

    # Its code, but with another model: it takes no model as an argument.
    model = partial(_probabilities, samples, vad.get_vad_model(), check)
    names = {**vars(vad), "get_vad_model": lambda: model}
    timestamps = FunctionType(vad.get_speech_timestamps.__code__, names)
    stretches: list[Stretch] = timestamps(stand_in(samples), vad.VadOptions(**parameters), RATE)
    return stretches


def stand_in(samples: Samples) -> NDArray[np.int8]:
    """Return an array as long as *samples*, of one byte.

    faster-whisper wants an array, but uses only its length where the samples go another way.
    """
    return np.broadcast_to(np.int8(0), len(samples))


def _probabilities(
    samples: Samples, model: Any, check: Callable[[], None], padded: NDArray[Any]
) -> NDArray[np.float32]:
    """Return the probability of speech in each window of *samples*, which fill up *padded*."""
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
    """Return windows *first* to *last* of *count*, each behind the end of the one before it."""
    floats = samples.floats(first * _WINDOW - _CONTEXT, last * _WINDOW)
    view = np.lib.stride_tricks.sliding_window_view(floats, _CONTEXT + _WINDOW)[::_WINDOW]
    windows = np.array(view)
    if last == count:
        # faster-whisper clears it in place where it means the context of the first window.
        windows[-1, -_CONTEXT:] = 0
    return windows
