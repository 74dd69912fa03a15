"""Samples in parts equal the whole, as far as they are held."""

import numpy as np
import pytest

from backends.audio.samples import FULL_SCALE, Samples

WHOLE = np.arange(-50, 50).astype(np.int16)
FLOATS = WHOLE / np.float32(FULL_SCALE)


def parts() -> Samples:
    """Return the whole in parts of 30, one of them empty."""
    return Samples([WHOLE[:30], WHOLE[30:30], WHOLE[30:60], WHOLE[60:90], WHOLE[90:]])


@pytest.mark.parametrize(("start", "stop"), [(0, 100), (29, 31), (30, 60), (95, 95), (5, 99)])
def test_any_stretch_is_read(start: int, stop: int) -> None:
    """A range within one part, and one across several, is read."""
    assert np.array_equal(parts().floats(start, stop), FLOATS[start:stop])


def test_zeros_lie_beyond_the_ends() -> None:
    """A range before the first sample, or behind the last, has zeros there."""
    assert np.array_equal(parts().floats(-3, 103), np.pad(FLOATS, 3))


def test_what_is_freed_is_not_read() -> None:
    """Whole parts are freed; reading a sample of them later is an error."""
    samples = parts()

    samples.free(65)

    assert len(samples) == 100
    assert np.array_equal(samples.floats(60, 100), FLOATS[60:])
    with pytest.raises(ValueError, match="freed"):
        samples.floats(59, 100)


def test_stretches_are_kept() -> None:
    """The stretches that are kept are joined."""
    samples = parts()

    samples.keep([(10, 40), (85, 100)])

    assert np.array_equal(samples.floats(0, 45), np.append(FLOATS[10:40], FLOATS[85:]))
    assert len(samples) == 45
