"""The recordings made harder to hear, and joined."""

import io
from collections.abc import Callable

import av
import numpy as np
from numpy.typing import NDArray

from tests.client.recordings import RATE, encoded, speech
from tests.real.pulled import RECORDINGS

Samples = NDArray[np.int16]


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
    loudest = np.iinfo(np.int16)
    return encoded(np.clip(samples + noise, loudest.min, loudest.max).astype(np.int16), "wav")


CONDITIONS: dict[str, Callable[[Samples], bytes]] = {
    "mu-law": mu_law,
    "AMR": amr,
    "noise": noisy,
}


def five_minutes() -> bytes:
    """Return the clips in turns, with half a second between them, until 300 s are full."""
    files = sorted(RECORDINGS.glob("*.wav"))
    pause = np.zeros(RATE // 2, np.int16)
    once = np.concatenate([part for file in files for part in (speech(file), pause)])
    return encoded(np.resize(once, 300 * RATE), "wav")


def _at_8_khz(samples: Samples, container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()
