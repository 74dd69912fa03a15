"""Whole recordings whose duration is stated wrongly, or in a time with gaps, are decoded."""

import io

import av
import numpy as np
import pytest

from backends.audio.decode import decode
from backends.audio.memory import AudioMemory
from backends.audio.samples import RATE, SAMPLE_BYTES
from backends.config import AudioLimits
from tests.backends.audio.timelines import (
    Shift,
    aiff,
    amr,
    gap,
    late,
    patched,
    piped,
    segments,
    written,
)
from tests.backends.encoders import PCM, chunk, noise, wav_format
from tests.backends.recordings import floats
from tests.reference import decode_audio

pytestmark = pytest.mark.usefixtures("frozen_garbage")

LIMITS = AudioLimits()
CHAINS = pytest.mark.skipif(
    av.library_versions["libavformat"] < (62,),
    reason="before 8, FFmpeg takes the second header for a damaged packet",
)

STAMPED = [
    ("mp4", "aac"),
    ("mov", "pcm_s16le"),
    ("mpegts", "aac"),
    ("mpeg", "mp2"),
    ("webm", "libopus"),
    ("ogg", "libopus"),
    ("ogg", "flac"),
    ("matroska", "aac"),
    ("matroska", "pcm_s16le"),
    ("flv", "aac"),
    ("asf", "wmav2"),
    ("nut", "libmp3lame"),
]
"""Containers with a time of their own, and a codec of each."""

PIPED = [
    ("wav", "pcm_s16le"),
    ("wav", "pcm_f32le"),
    ("wav", "adpcm_ms"),
    ("wav", "libmp3lame"),
    ("au", "pcm_s16be"),
    ("caf", "pcm_s16be"),
    ("voc", "pcm_s16le"),
    ("flac", "flac"),
    ("mp3", "libmp3lame"),
    ("adts", "aac"),
    ("webm", "libopus"),
    ("matroska", "libmp3lame"),
    ("matroska", "ac3"),
    ("asf", "wmav2"),
    ("flv", "aac"),
    ("avi", "libmp3lame"),
    ("avi", "pcm_s16le"),
    ("nut", "aac"),
    ("wv", "wavpack"),
    ("ogg", "libopus"),
    ("mpegts", "mp2"),
]


def is_heard(content: bytes, *, least: float) -> None:
    """Assert that at least *least* seconds are decoded, and equal faster-whisper's samples."""
    samples = floats(io.BytesIO(content), LIMITS)

    assert len(samples) >= least * RATE
    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


# ── time ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shift", [gap(3), gap(3600), late(30)], ids=["gap", "an hour", "late"])
@pytest.mark.parametrize(("container", "codec"), STAMPED)
def test_time_is_not_a_count_of_samples(container: str, codec: str, shift: Shift) -> None:
    """A recording with a gap in its time, or a late beginning, is whole."""
    is_heard(written(container, codec, shift=shift), least=7.9)


def test_a_segment_of_a_stream_is_whole() -> None:
    """A segment behind its stream's header is whole, though its time begins at another's end."""
    options = {"movflags": "dash+frag_keyframe+delay_moov", "frag_duration": "2000000"}
    header, *fragments = segments(written("mp4", "aac", options=options))

    assert len(fragments) > 3
    is_heard(header + fragments[2], least=1.9)
    is_heard(header + fragments[0] + fragments[3], least=3.8)


def test_a_recording_behind_another_is_heard() -> None:
    """Two recordings in one file are decoded, in any order of their times."""
    one = written("mpegts", "aac")
    later = written("mpegts", "aac", shift=late(3600))

    for content in (one + one, one + later, later + one):
        is_heard(content, least=15.9)


@pytest.mark.parametrize(
    ("container", "codec", "least"),
    [
        pytest.param("ogg", "libopus", 16, marks=CHAINS),
        ("ogg", "flac", 16),
        ("adts", "aac", 16),
        ("ac3", "ac3", 16),
        ("flac", "flac", 16),
        ("webm", "libopus", 16),
        ("au", "pcm_s16be", 16),
        ("wav", "pcm_s16le", 8),
        ("aiff", "pcm_s16be", 8),
        ("asf", "wmav2", 7.9),
        ("flv", "aac", 8),
        ("mp4", "aac", 8),
    ],
)
def test_two_files_in_one(container: str, codec: str, least: float) -> None:
    """Two joined files are as long as FFmpeg finds them, and at least as long as one."""
    is_heard(written(container, codec) * 2, least=least)


@pytest.mark.parametrize("container", ["matroska", "asf", "mp4", "avi", "mpegts"])
def test_a_longer_picture(container: str) -> None:
    """A picture may be longer than the sound: the container's duration is then the picture's."""
    is_heard(written(container, "libmp3lame", rate=44_100, seconds=2, picture=5), least=2)


@pytest.mark.parametrize("container", ["matroska", "asf", "mp4", "avi", "mpegts"])
def test_a_longer_second_stream(container: str) -> None:
    """A second stream of audio, which is not decoded, may be longer."""
    is_heard(written(container, "libmp3lame", rate=44_100, seconds=2, other=5), least=2)


# ── lengths that nobody stated ────────────────────────────────────────────────


@pytest.mark.parametrize(("container", "codec"), PIPED)
def test_a_pipe_is_whole(container: str, codec: str) -> None:
    """A program that writes into a pipe states no duration, or a placeholder."""
    is_heard(piped(container, codec), least=7.9)


@pytest.mark.parametrize("bits", [8, 16, 24])
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (48_000, 2)])
def test_a_placeholder_is_not_a_length(bits: int, rate: int, channels: int) -> None:
    """SoX states as many samples as fit into 2 GiB in an AIFF that it writes into a pipe."""
    samples = bytes(2 * rate * channels * bits // 8)

    is_heard(aiff(samples, bits, rate=rate, channels=channels), least=2)


@pytest.mark.parametrize("size", [0, 36, 0x7F000024, 0x7FFFF024, 0x80000024, 0xFFFFFFFF])
@pytest.mark.parametrize("data", [0, 0x7F000000, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_a_wav_of_open_length_is_whole(size: int, data: int) -> None:
    """A program that writes WAV into a pipe states one of these sizes."""
    samples = noise(2).tobytes()
    content = chunk(b"RIFF", b"WAVE" + wav_format(PCM, 16) + chunk(b"data", samples))
    content = patched(content, b"RIFF", 4, "<I", size)

    is_heard(patched(content, b"data", 4, "<I", data), least=2)


def test_a_wav_with_all_its_samples_is_whole() -> None:
    """A WAV whose last chunk is cut, or that states more than it has, is whole."""
    sound = wav_format(PCM, 16, channels=2) + chunk(b"data", noise(2, channels=2).tobytes())
    tagged = chunk(b"RIFF", b"WAVE" + sound + chunk(b"id3 ", bytes(200_000)))

    is_heard(tagged[:-100_000], least=2)
    is_heard(patched(tagged, b"RIFF", 4, "<I", 1_000_000_000), least=2)


LENGTHS = {
    "webm": (written("webm", "libopus"), b"\x44\x89\x88", 3, ">d"),
    "flv": (written("flv", "aac"), b"duration", 9, ">d"),
    "flac": (written("flac", "flac", rate=16_000), b"fLaC", 22, ">I"),
    "mp3": (written("mp3", "libmp3lame"), b"Info", 8, ">I"),
    "mp4": (written("mp4", "aac"), b"mdhd", 20, ">I"),
}
"""Recordings with where and how each states its length."""

NUMBERS = {">d": (0.0, -1.0, float("nan"), float("inf"), 2.0**32), ">I": (0, 0x7FFFFFFF, 2**32 - 1)}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_length_that_cannot_be(name: str) -> None:
    """Zero, NaN and the highest numbers are not durations."""
    content, mark, offset, layout = LENGTHS[name]

    for number in NUMBERS[layout]:
        is_heard(patched(content, mark, offset, layout, number), least=7.9)


def test_a_placeholder_reserves_nothing() -> None:
    """A short recording does not wait for the memory that a placeholder would need."""
    fine = aiff(bytes(288_000), 24, rate=48_000, channels=2)
    content, mark, offset, layout = LENGTHS["webm"]
    days = patched(content, mark, offset, layout, 1e9)

    for content in (fine, days):
        memory = AudioMemory()
        reservation = memory.reservation(bytes_per_second=RATE * SAMPLE_BYTES, longest=14_400)
        everything = memory.reservation(bytes_per_second=1, longest=memory.long.size)
        everything.acquire_most()
        samples = decode(io.BytesIO(content), LIMITS, reservation)

        assert len(samples) >= RATE


@pytest.mark.parametrize("container", ["adts", "mp3", "asf", "ac3", "ogg", "matroska"])
def test_an_estimate_is_not_a_length(container: str) -> None:
    """The bit rate of a silent beginning or end is no measure of the whole."""
    codec = {"adts": "aac", "mp3": "libmp3lame", "asf": "wmav2", "ac3": "ac3", "ogg": "libopus"}
    loud, silent = noise(10, rate=48_000)[:, 0], np.zeros(480_000, np.int16)

    for halves in ((loud, silent), (silent, loud)):
        samples = np.concatenate(halves)
        is_heard(piped(container, codec.get(container, "libmp3lame"), samples=samples), least=19.9)


@pytest.mark.parametrize("modes", [(0, 7), (7, 0)])
def test_amr_is_whole(modes: tuple[int, int]) -> None:
    """AMR changes its bit rate freely, and states no duration."""
    first, second = modes

    is_heard(amr(*[first] * 500, *[second] * 500), least=20)
