"""Decoding: the samples that faster-whisper hears, and nothing cut short."""

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from faster_whisper.audio import decode_audio
from numpy.typing import NDArray

from backends.audio import RATE, decode
from backends.base import (
    AudioTooCostly,
    AudioTooLarge,
    AudioTooLong,
    EmptyAudio,
    NoAudio,
    TruncatedAudio,
    UndecodableAudio,
)
from backends.config import AudioLimits
from tests.backends.encoders import PCM, as_format, chunk, movie, noise, wav, wav_format
from tests.backends.recordings import clips
from tests.client.recordings import CONTAINERS, encoded, tone

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
    """Every container gives the very samples that faster-whisper decodes from it."""
    content = encoded(tone(3), container)

    samples = decode(io.BytesIO(content), LIMITS)

    assert samples.dtype == np.float32
    assert np.array_equal(samples, decode_audio(io.BytesIO(content)))


@pytest.mark.parametrize(("container", "codec", "rate", "layout"), FORMATS)
def test_codecs_are_faster_whispers(container: str, codec: str, rate: int, layout: str) -> None:
    """So do other codecs, sampling rates and numbers of channels, to the bit."""
    content = as_format(container, codec, rate=rate, layout=layout)

    samples = decode(io.BytesIO(content), LIMITS)

    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


@pytest.mark.parametrize(("container", "video", "audio"), MOVIES)
def test_movies_are_faster_whispers(container: str, video: str, audio: str) -> None:
    """So does the sound of a moving picture."""
    content = movie(container, video, audio)

    samples = decode(io.BytesIO(content), LIMITS)

    assert len(samples)
    assert samples.tobytes() == decode_audio(io.BytesIO(content)).tobytes()


def test_the_name_does_not_count(tmp_path: Path) -> None:
    """A container is told by its content, whatever its file is called."""
    file = tmp_path / "recording.wav"
    file.write_bytes(encoded(tone(1), "mp3"))

    with file.open("rb") as audio:
        samples = decode(audio, LIMITS)

    assert samples.tobytes() == decode_audio(str(file)).tobytes()


def test_clips_are_faster_whispers() -> None:
    """So do the bundled recordings."""
    for clip in clips()[:5]:
        with clip.open("rb") as audio:
            assert np.array_equal(decode(audio, LIMITS), decode_audio(str(clip)))


@pytest.mark.parametrize("container", ["wav", "mp3", "flac", "m4a"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_cut_recording_is_refused(container: str, share: float) -> None:
    """What breaks off before the length that it states is an error, not a shorter recording."""
    whole = encoded(tone(5), container)

    with pytest.raises(UndecodableAudio) as refused:  # a cut M4A has no index: it does not open
        decode(io.BytesIO(whole[: int(len(whole) * share)]), LIMITS)

    assert refused.value.option == "audio"


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_of_open_length_is_whole(size: int) -> None:
    """A program that writes WAV into a pipe cannot know its size, and leaves one of these."""
    content = bytearray(encoded(tone(2), "wav"))
    struct.pack_into("<I", content, 4, size)

    samples = decode(io.BytesIO(content), LIMITS)

    assert len(samples) == 2 * RATE


def test_a_bare_stream_is_not_taken_for_cut() -> None:
    """Raw AAC states no length; that FFmpeg's guess from its silent start is long cuts nothing."""
    silence_first = np.concatenate([np.zeros(5 * RATE), noise(20)[:, 0]]).astype(np.int16)
    content = as_bare_aac(silence_first)

    samples = decode(io.BytesIO(content), LIMITS)

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


def test_damage_is_no_end() -> None:
    """A damaged frame, at which faster-whisper stops, is an error if audio follows it."""
    content = bytearray(as_format("adts", "aac", rate=16_000, layout="mono", seconds=5))
    middle = content.index(content[:2], len(content) // 2)
    content[middle + 7 : middle + 60] = bytes(53)

    assert len(decode_audio(io.BytesIO(content))) < 4 * RATE
    with pytest.raises(TruncatedAudio):
        decode(io.BytesIO(content), LIMITS)


# ── what ends early ───────────────────────────────────────────────────────────


def test_more_audio_than_allowed_ends_early() -> None:
    """A small file that unpacks to a long recording is refused by its length in seconds."""
    silence = np.zeros(RATE * 120, np.int16)

    with pytest.raises(AudioTooLong, match="60 s"):
        decode(io.BytesIO(encoded(silence, "flac")), LIMITS)


def test_more_bytes_than_allowed_end_early() -> None:
    """What a codec unpacks is counted in bytes, before it is mixed to mono and resampled."""
    content = as_format("flac", "flac", rate=48_000, layout="stereo")
    size = 48_000 * 2 * 2

    decode(io.BytesIO(content), AudioLimits(max_decoded_bytes=size))
    with pytest.raises(AudioTooLarge, match=f"{size - 1} bytes"):
        decode(io.BytesIO(content), AudioLimits(max_decoded_bytes=size - 1))


def test_more_time_than_allowed_ends_early() -> None:
    """So is the time that the decoder takes."""
    content = encoded(tone(2), "mp3")

    with pytest.raises(AudioTooCostly):
        decode(io.BytesIO(content), AudioLimits(max_decode_seconds=1e-6))


def test_slow_samples_end_early() -> None:
    """A low rate in the header does not stretch a small file into gigabytes of samples."""
    content = wav(wav_format(PCM, 16, rate=1), chunk(b"data", noise(4).tobytes()))

    with pytest.raises(AudioTooLong):
        decode(io.BytesIO(content), LIMITS)


@pytest.mark.parametrize("rate", [7_000_000, 2_000_000_011])
def test_absurd_rates_are_refused(rate: int) -> None:
    """A rate of which the resampler's filter alone would take gigabytes is refused."""
    content = wav(wav_format(PCM, 16, rate=rate), chunk(b"data", noise(1).tobytes()))

    with pytest.raises(UndecodableAudio, match=f"{rate} Hz"):
        decode(io.BytesIO(content), LIMITS)


# ── what is refused ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("content", [b"RIFF", b"fLaC", b"hello, world" * 100, bytes(4096)])
def test_what_is_no_audio_is_refused(content: bytes) -> None:
    """A bare magic number, text, zeros: all are refused by name."""
    with pytest.raises(UndecodableAudio):
        decode(io.BytesIO(content), LIMITS)


@pytest.mark.parametrize("content", [b"", wav(wav_format(PCM, 16), chunk(b"data", b""))])
def test_nothing_is_empty(content: bytes) -> None:
    """No bytes, and no samples in a container, are told from bytes that are no audio."""
    with pytest.raises(EmptyAudio):
        decode(io.BytesIO(content), LIMITS)


def test_a_silent_movie_has_no_audio() -> None:
    """A container of other streams is told from bytes that are no audio."""
    with pytest.raises(NoAudio):
        decode(io.BytesIO(movie("mp4", "mpeg4", None)), LIMITS)


def test_fewer_channels_are_refused() -> None:
    """Stereo that turns to mono, for which faster-whisper crashes the process, is an error."""
    stereo, mono = (
        as_format("adts", "aac", rate=16_000, layout=layout) for layout in ("stereo", "mono")
    )

    with pytest.raises(UndecodableAudio, match="channels"):
        decode(io.BytesIO(stereo + mono), LIMITS)


def test_a_file_opens_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A playlist does not make the server read files of its own."""
    (tmp_path / "secret.wav").write_bytes(encoded(tone(1), "wav"))
    monkeypatch.chdir(tmp_path)
    playlist = b"ffconcat version 1.0\nfile secret.wav\n"

    assert len(decode_audio(io.BytesIO(playlist))) == RATE
    with pytest.raises(UndecodableAudio):
        decode(io.BytesIO(playlist), LIMITS)


def test_a_file_opens_no_connection() -> None:
    """A session description does not make the server listen for the audio that it announces."""
    session = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    media = b"m=audio 45678 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

    with pytest.raises(UndecodableAudio):
        decode(io.BytesIO(session + media), LIMITS)


class Failing(io.BytesIO):
    """A file whose disk fails from some place on."""

    def read(self, size: int | None = -1) -> bytes:
        """Fail past 40,000 bytes."""
        if self.tell() > 40_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_failing_file_is_no_short_recording() -> None:
    """A disk that fails is not heard as the end, and does not fail the thread's next recording."""
    content = as_format("ogg", "libopus", rate=48_000, layout="stereo", seconds=20)

    with pytest.raises(OSError, match="Input/output"):
        decode(Failing(content), LIMITS)

    assert len(decode(io.BytesIO(content), LIMITS)) > 19 * RATE
