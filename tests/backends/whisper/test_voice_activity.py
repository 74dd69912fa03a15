"""Speech detected in pieces equals faster-whisper's detection in the whole."""

import numpy as np
import pytest
from faster_whisper.vad import VadOptions, get_speech_timestamps, get_vad_model
from numpy.typing import NDArray

from backends.audio.samples import FULL_SCALE, RATE, Samples
from backends.whisper import voice_activity
from tests.backends.recordings import clips
from tests.client.recordings import speech

BATCH = voice_activity._BATCH * voice_activity._WINDOW


def spoken(samples: int) -> NDArray[np.int16]:
    """Return clips with pauses between them, *samples* long."""
    pause = np.zeros(3 * RATE, np.int16)
    return np.resize(np.concatenate([np.append(speech(clip), pause) for clip in clips()]), samples)


def go_on() -> None:
    """Check nothing."""


class Left(Exception):
    """The client has left."""


def test_check_ends_the_detection() -> None:
    """An error of `check` ends the detection within half a minute of audio."""
    calls = iter([None, Left])

    def check() -> None:
        if left := next(calls):
            raise left

    with pytest.raises(Left):
        voice_activity.speech(Samples([spoken(5 * BATCH)]), {}, check)


@pytest.mark.parametrize(
    "samples", [1, 511, 512, 513, 30 * RATE, BATCH - 1, BATCH, BATCH + 65, 2 * BATCH + 500]
)
def test_every_stretch_is_the_same(samples: int) -> None:
    """The stretches are the same at any length, also between pieces and with samples in parts."""
    whole = spoken(samples)

    stretches = voice_activity.speech(
        Samples(np.array_split(whole, 5)), {"min_silence_duration_ms": 200}, go_on
    )

    floats = (whole / FULL_SCALE).astype(np.float32)
    assert stretches == get_speech_timestamps(floats, VadOptions(min_silence_duration_ms=200))


def test_every_probability_is_the_same() -> None:
    """The network's numbers are the same, to the bit."""
    whole = spoken(2 * BATCH + 500)
    padded = np.pad((whole / FULL_SCALE).astype(np.float32), (0, 12))

    probabilities = voice_activity._probabilities(Samples([whole]), get_vad_model(), go_on, padded)

    assert np.array_equal(probabilities, get_vad_model()(padded))
