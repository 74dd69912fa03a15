"""Decoded samples equal faster-whisper's, and nothing is cut short."""

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from backends.audio.samples import RATE
from backends.config import AudioLimits
from backends.failures import TruncatedAudio, UndecodableAudio
from tests.backends.encoders import FLOAT, PCM, as_format, chunk, movie, noise, wav, wav_format
from tests.backends.recordings import clips, floats
from tests.client.recordings import CONTAINERS, encoded, tone
from tests.reference import decode_audio

LIMITS = AudioLimits(max_audio_seconds=60)

FORMATS = [
    ("wav", "pcm_u8", 16_000, "mono"),
    ("wav", "pcm_s16le", 44_100, "stereo"),
    ("wav", "pcm_s24le", 16_000, "mono"),
    ("wav", "pcm_s32le", 8_000, "mono"),
    ("wav", "pcm_f32le", 48_000, "5.1"),
    ("wav", "pcm_f64le", 16_000, "mono"),
    ("wav", "pcm_alaw", 8_000, "mono"),
    ("wav", "pcm_mulaw", 8_000, "stereo"),
    ("aiff", "pcm_s16be", 22_050, "mono"),
    ("flac", "flac", 96_000, "stereo"),
    ("mp3", "libmp3lame", 44_100, "stereo"),
    ("ogg", "libopus", 48_000, "5.1"),
    ("ogg", "vorbis", 44_100, "stereo"),
    ("mp4", "aac", 44_100, "stereo"),
    ("mp4", "alac", 48_000, "mono"),
    ("adts", "aac", 16_000, "mono"),
    ("matroska", "pcm_s16le", 16_000, "mono"),
    ("mpegts", "mp2", 48_000, "stereo"),
]
MOVIES = [("mp4", "mpeg4", "aac"), ("webm", "libvpx", "libopus"), ("avi", "mpeg4", "libmp3lame")]


@pytest.mark.parametrize("container", CONTAINERS)
def test_samples_are_faster_whispers(container: str) -> None:
    """Every container gives the same samples as faster-whisper decodes from it."""
    content = encoded(tone(3), container)

    samples = floats(io.BytesIO(content), LIMITS)

    assert samples.dtype == np.float32
    assert np.array_equal(samples, decode_audio(io.BytesIO(content)))


@pytest.mark.parametrize(("container", "codec", "rate", "layout"), FORMATS)
def test_codecs_are_faster_whispers(container: str, codec: str, rate: int, layout: str) -> None:
    """Other codecs, rates and numbers of channels give faster-whisper's samples, to the bit."""
    content = as_format(container, codec, rate=rate, layout=layout)

    samples = floats(io.BytesIO(content), LIMITS)

    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


def test_many_channels_are_faster_whispers() -> None:
    """Eight channels, resampled in smaller steps to save memory, give the same samples."""
    rate, channels = 44_100, 8
    values = np.random.default_rng(0).normal(0, 0.1, 5 * rate * channels).astype("<f8")
    content = wav(
        wav_format(FLOAT, 64, rate=rate, channels=channels), chunk(b"data", values.tobytes())
    )

    samples = floats(io.BytesIO(content), LIMITS)

    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


@pytest.mark.parametrize(("container", "video", "audio"), MOVIES)
def test_movies_are_faster_whispers(container: str, video: str, audio: str) -> None:
    """The sound of a film gives faster-whisper's samples."""
    content = movie(container, video, audio)

    samples = floats(io.BytesIO(content), LIMITS)

    assert len(samples)
    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


def test_the_name_does_not_count(tmp_path: Path) -> None:
    """A container is recognised by its content, not by the name of its file."""
    file = tmp_path / "recording.wav"
    file.write_bytes(encoded(tone(1), "mp3"))

    with file.open("rb") as audio:
        samples = floats(audio, LIMITS)

    assert samples.tobytes() == decode_audio(str(file)).tobytes()


def test_tags_need_not_be_utf_8() -> None:
    """A title in another encoding, on which PyAV fails by default, changes nothing."""
    title = chunk(b"LIST", b"INFO" + chunk(b"INAM", "Küche".encode("latin-1")))
    data = chunk(b"data", noise(1, channels=2).tobytes())
    content = wav(wav_format(PCM, 16, channels=2), title, data)

    samples = floats(io.BytesIO(content), LIMITS)

    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


def test_clips_are_faster_whispers() -> None:
    """The bundled recordings give faster-whisper's samples."""
    for clip in clips()[:5]:
        with clip.open("rb") as audio:
            assert np.array_equal(floats(audio, LIMITS), decode_audio(str(clip)))


@pytest.mark.parametrize("container", ["wav", "mp3", "flac", "m4a"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_cut_recording_is_refused(container: str, share: float) -> None:
    """A recording that ends before its stated duration is an error."""
    whole = encoded(tone(5), container)

    with pytest.raises(UndecodableAudio) as refused:  # a cut M4A has no index: it does not open
        floats(io.BytesIO(whole[: int(len(whole) * share)]), LIMITS)

    assert refused.value.option == "audio"


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_of_open_length_is_whole(size: int) -> None:
    """A program that writes WAV into a pipe does not know its size, and states one of these."""
    content = bytearray(encoded(tone(2), "wav"))
    struct.pack_into("<I", content, 4, size)

    samples = floats(io.BytesIO(content), LIMITS)

    assert len(samples) == 2 * RATE


def test_a_bare_stream_is_not_taken_for_cut() -> None:
    """Raw AAC states no duration: FFmpeg's guess, too long here, does not count."""
    silence_first = np.concatenate([np.zeros(5 * RATE), noise(20)[:, 0]]).astype(np.int16)
    content = as_bare_aac(silence_first)

    samples = floats(io.BytesIO(content), LIMITS)

    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


def as_bare_aac(samples: NDArray[np.int16]) -> bytes:
    """Return mono *samples* as AAC without a container."""
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as output:
        stream = output.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def test_damage_is_not_an_end() -> None:
    """A damaged frame, at which faster-whisper stops, is an error if audio follows it."""
    content = bytearray(as_format("adts", "aac", rate=16_000, layout="mono", seconds=5))
    middle = content.index(content[:2], len(content) // 2)
    content[middle + 7 : middle + 60] = bytes(53)

    assert len(decode_audio(io.BytesIO(content))) < 4 * RATE
    with pytest.raises(TruncatedAudio):
        floats(io.BytesIO(content), LIMITS)
