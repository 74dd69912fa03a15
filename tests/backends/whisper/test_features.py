"""A spectrogram in blocks is the one in one piece."""

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
    """Whatever the length, also where blocks meet and at the mirrored ends."""
    whole = FeatureExtractor(feature_size=mels)
    audio = np.random.default_rng(samples).normal(0, 3000, samples).astype(np.int16)
    parts = Samples(np.array_split(audio, 7))

    found = Extractor(whole, parts)(stand_in(parts))

    expected = whole((audio / FULL_SCALE).astype(np.float32))
    assert found.dtype == expected.dtype
    # The last bit of 1, because of products that OpenBLAS sums by other kernels; most are the same.
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-23)
    assert np.mean(found == expected, dtype=float) > 0.99


def test_a_window_of_its_own() -> None:
    """A shorter window is this request's alone: faster-whisper's own keeps it for the next."""
    shared = FeatureExtractor()
    samples = Samples([np.zeros(SECOND, np.int16)])
    own = Extractor(shared, samples)

    own(stand_in(samples), chunk_length=5)

    assert (own.nb_max_frames, own.n_samples) == (500, 5 * SECOND)
    assert (shared.nb_max_frames, shared.n_samples) == (3000, 30 * SECOND)


def test_who_leaves_ends_it() -> None:
    """A recording that nobody wants any more is transformed no further than the block at hand."""
    calls = iter([None, InterruptedError])

    def check() -> None:
        if left := next(calls):
            raise left

    samples = Samples([np.zeros(4 * BLOCK, np.int16)])

    with pytest.raises(InterruptedError):
        Extractor(FeatureExtractor(), samples, check)(stand_in(samples))
