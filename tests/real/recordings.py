"""The recordings as the tests send them: clean, over a telephone, in noise, joined."""

import io
from collections.abc import Callable
from functools import cache

import av
import numpy as np
from numpy.typing import NDArray

from tests.client.recordings import RATE, encoded, speech
from tests.real.pulled import RECORDINGS, clips

Samples = NDArray[np.int16]


def clean(samples: Samples) -> bytes:
    """Return *samples* as WAV."""
    return encoded(samples, "wav")


def mu_law(samples: Samples) -> bytes:
    """Return *samples* as ITU-T G.711 at 8 kHz, as a telephone line carries them."""
    return _at_8_khz(samples, "wav", "pcm_mulaw")


def amr(samples: Samples) -> bytes:
    """Return *samples* as narrowband AMR (3GPP TS 26.071), as a mobile telephone sends them."""
    return _at_8_khz(samples, "amr", "libopencore_amrnb")


def noisy(samples: Samples) -> bytes:
    """Return *samples* in white noise of a tenth of their power (10 dB), the same in every run."""
    noise = np.random.default_rng(16).normal(size=len(samples))
    noise *= np.sqrt(np.mean(samples.astype(float) ** 2) / 10)
    return clean(np.clip(samples + noise, -(1 << 15), (1 << 15) - 1).astype(np.int16))


CONDITIONS: dict[str, Callable[[Samples], bytes]] = {
    "clean": clean,
    "mu-law": mu_law,
    "AMR": amr,
    "noise": noisy,
}


@cache
def five_minutes() -> bytes:
    """Return the clips in turns, with half a second between them, until 300 s are full."""
    files = sorted(RECORDINGS.glob("*.wav"))
    pause = np.zeros(RATE // 2, np.int16)
    once = np.concatenate([part for file in files for part in (speech(file), pause)])
    return clean(np.resize(once, 300 * RATE))


@cache
def condition(name: str, clip_id: str) -> bytes:
    """Return a clip under one of the CONDITIONS."""
    [clip] = (clip for clip in clips() if clip.id == clip_id)
    return CONDITIONS[name](speech(clip.path))


def _at_8_khz(samples: Samples, container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()
