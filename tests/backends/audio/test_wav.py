"""Plain WAV read without FFmpeg equals FFmpeg's samples; other WAV is left to FFmpeg."""

import io
import struct

import numpy as np
import pytest

from backends.audio import wav as fast
from backends.audio.budget import Budget
from backends.config import AudioLimits
from backends.failures import AudioTooLarge, AudioTooLong
from tests.backends.encoders import FLOAT, PCM, chunk, extensible, noise, wav, wav_format
from tests.backends.recordings import floats, reserved
from tests.reference import decode_audio

pytestmark = pytest.mark.usefixtures("frozen_garbage")

LIMITS = AudioLimits()
INTEGERS = chunk(b"data", noise(1).tobytes())
FLOATS = chunk(b"data", (noise(1) / np.float32(30_000)).astype("<f4").tobytes())
COUNT = chunk(b"fact", struct.pack("<I", 16_000))
SHORT = wav_format(PCM, 16)

PLAIN = {
    "integers": wav(SHORT, INTEGERS),
    "integers, empty extension": wav(chunk(b"fmt ", SHORT[8:] + bytes(2)), INTEGERS),
    "integers, extensible": wav(extensible(PCM, 16, speaker=4), INTEGERS),
    "integers, no speaker": wav(extensible(PCM, 16, speaker=0), INTEGERS),
    "floats": wav(wav_format(FLOAT, 32), COUNT, FLOATS),
    "floats, empty extension": wav(
        chunk(b"fmt ", wav_format(FLOAT, 32)[8:] + bytes(2)), COUNT, FLOATS
    ),
    "floats, extensible": wav(extensible(FLOAT, 32, speaker=4), COUNT, FLOATS),
    "chunks around": wav(
        chunk(b"JUNK", bytes(27)),
        SHORT,
        chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0"),
        chunk(b"odd!", b"odd"),
        INTEGERS,
        chunk(b"LIST", b"INFO"),
    ),
    "one sample": wav(SHORT, chunk(b"data", b"\x01\x02")),
}

OTHERS = {
    "stereo": wav(wav_format(PCM, 16, channels=2), INTEGERS),
    "another rate": wav(wav_format(PCM, 16, rate=8_000), INTEGERS),
    "24 bits": wav(wav_format(PCM, 24), chunk(b"data", bytes(3 * 16_000))),
    "another speaker": wav(extensible(PCM, 16, speaker=1), INTEGERS),
    "half a sample": wav(SHORT, chunk(b"data", bytes(3201))),
    "data in two": wav(SHORT, INTEGERS, INTEGERS),
    "open length": wav(SHORT, INTEGERS).replace(
        INTEGERS[:8], b"data" + struct.pack("<I", 0xFFFFFFFF)
    ),
    "more than stated": wav(SHORT, INTEGERS) + bytes(100),
    "many chunks": wav(SHORT, *[chunk(b"odd!", b"")] * 100, INTEGERS),
}


def heard(content: bytes) -> np.ndarray | None:
    """Return what `wav.read` returns for *content*."""
    samples = fast.read(io.BytesIO(content), budget(LIMITS))
    return None if samples is None else samples.floats(0, len(samples))


def budget(limits: AudioLimits) -> Budget:
    """Return the budget of one recording."""
    return Budget(limits, reserved(limits))


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_plain_wav_is_faster_whispers(content: bytes) -> None:
    """Every header that writers use for plain samples is read, to the bit as FFmpeg would."""
    samples = heard(content)

    assert samples is not None
    assert samples.dtype == np.float32
    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_other_wav_is_left_to_ffmpeg(content: bytes) -> None:
    """WAV that is not plain goes to FFmpeg, and gives FFmpeg's samples."""
    assert heard(content) is None
    samples = floats(io.BytesIO(content), LIMITS)

    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


@pytest.mark.parametrize("odd", range(8))
def test_floats_are_quantised_as_in_ffmpeg(odd: int) -> None:
    """Halves round to even, large values clip, and zero has no sign, in vectors of any length."""
    steps = np.arange(-40_000, 40_000 + odd) / 32_768
    loud = [-0.0, 1e-40, -1e-6, 1.0, -1.0, 60_000, -60_000]
    values = np.concatenate([steps, steps + 0.5 / 32_768, loud]).astype("<f4")
    content = wav(wav_format(FLOAT, 32), COUNT, chunk(b"data", values.tobytes()))

    samples = heard(content)

    assert samples is not None
    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 70_000, -3e38])
def test_floats_beyond_integers_are_left_to_ffmpeg(value: float) -> None:
    """Floats that no integer can represent are left to FFmpeg."""
    values = (noise(1) / np.float32(30_000)).astype("<f4")
    values[9_000] = value
    content = wav(wav_format(FLOAT, 32), COUNT, chunk(b"data", values.tobytes()))

    assert heard(content) is None
    samples = floats(io.BytesIO(content), LIMITS)

    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


def test_blocks_join() -> None:
    """A recording of several blocks is whole."""
    values = np.arange(3 * fast._BLOCK + 5).astype("<i2")
    content = wav(SHORT, chunk(b"data", values.tobytes()))

    samples = heard(content)

    assert samples is not None
    assert np.array_equal(samples, values / np.float32(32_768))


def test_what_is_left_to_ffmpeg_is_counted_once() -> None:
    """A recording that is begun here and then left to FFmpeg uses its limits once."""
    values = (noise(2) / np.float32(30_000)).astype("<f4")
    values[9_000] = 70_000
    content = wav(wav_format(FLOAT, 32), COUNT, chunk(b"data", values.tobytes()))

    assert len(floats(io.BytesIO(content), AudioLimits(max_audio_seconds=3))) == len(values)


def test_plain_wav_has_limits() -> None:
    """A plain WAV that is too long is refused by its header, before its samples are read."""
    content = io.BytesIO(PLAIN["integers"])

    with pytest.raises(AudioTooLong):
        fast.read(content, budget(AudioLimits(max_audio_seconds=0.9)))
    with pytest.raises(AudioTooLarge):
        fast.read(content, budget(AudioLimits(max_decoded_bytes=31_999)))
