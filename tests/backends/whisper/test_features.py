"""A spectrogram computed in blocks equals the one computed at once."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from backends.audio.samples import FULL_SCALE, Samples
from backends.whisper.features import Extractor
from backends.whisper.voice_activity import stand_in

SECOND = 16_000
BLOCK = 2048 * 160


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize(
    "samples",
    [
        *(0, 1, 160, 201, 400, SECOND, 30 * SECOND + 1),
        *(BLOCK - 1, BLOCK, BLOCK + 161, 2 * BLOCK - 160, 125 * SECOND + 13),
    ],
)
def test_every_number_is_the_same(mels: int, samples: int) -> None:
    """The numbers are the same at any length, also between blocks and at the mirrored ends."""
    whole = FeatureExtractor(feature_size=mels)
    audio = np.random.default_rng(samples).normal(0, 3000, samples).astype(np.int16)
    parts = Samples(np.array_split(audio, 7))

    spectrogram = Extractor(whole, parts)(stand_in(parts))

    expected = whole((audio / FULL_SCALE).astype(np.float32))
    assert spectrogram.dtype == expected.dtype
    # The last bit of 1, because of products that OpenBLAS sums by other kernels; most are the same.
    np.testing.assert_allclose(spectrogram, expected, rtol=0, atol=2**-23)
    assert np.mean(spectrogram == expected, dtype=float) > 0.99


def test_a_window_of_its_own() -> None:
    """A shorter window applies to one request only; faster-whisper's extractor keeps it."""
    shared = FeatureExtractor()
    samples = Samples([np.zeros(SECOND, np.int16)])
    own = Extractor(shared, samples)

    own(stand_in(samples), chunk_length=5)

    assert (own.nb_max_frames, own.n_samples) == (500, 5 * SECOND)
    assert (shared.nb_max_frames, shared.n_samples) == (3000, 30 * SECOND)


def test_check_ends_the_work() -> None:
    """An error of `check` ends the work before the next block."""
    calls = iter([None, InterruptedError])

    def check() -> None:
        if error := next(calls):
            raise error

    samples = Samples([np.zeros(4 * BLOCK, np.int16)])

    with pytest.raises(InterruptedError):
        Extractor(FeatureExtractor(), samples, check)(stand_in(samples))
