"""Recordings that are refused: too large, empty, or an attack."""

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from backends.audio.budget import Budget
from backends.audio.container import Source, opened
from backends.audio.samples import RATE
from backends.config import AudioLimits
from backends.failures import (
    AudioTooCostly,
    AudioTooLarge,
    AudioTooLong,
    EmptyAudio,
    NoAudio,
    UndecodableAudio,
)
from tests.backends.encoders import PCM, as_format, chunk, movie, noise, png, wav, wav_format
from tests.backends.recordings import floats, reserved
from tests.client.recordings import encoded, tone
from tests.reference import decode_audio

LIMITS = AudioLimits(max_audio_seconds=60)

# ── what ends early ───────────────────────────────────────────────────────────


def test_more_audio_than_allowed_ends_early() -> None:
    """A small file that decodes to a long recording is refused by its length in seconds."""
    silence = np.zeros(RATE * 120, np.int16)

    with pytest.raises(AudioTooLong, match="60 s"):
        floats(io.BytesIO(encoded(silence, "flac")), LIMITS)


def test_more_bytes_than_allowed_end_early() -> None:
    """Decoded bytes are counted before they are mixed to mono and resampled."""
    content = as_format("flac", "flac", rate=48_000, layout="stereo")
    size = 48_000 * 2 * 2

    floats(io.BytesIO(content), AudioLimits(max_decoded_bytes=size))
    with pytest.raises(AudioTooLarge, match=f"{size - 1} bytes"):
        floats(io.BytesIO(content), AudioLimits(max_decoded_bytes=size - 1))


def test_more_time_than_allowed_ends_early() -> None:
    """Decoding that takes longer than allowed is refused."""
    content = encoded(tone(2), "mp3")

    with pytest.raises(AudioTooCostly):
        floats(io.BytesIO(content), AudioLimits(max_decode_seconds=1e-6))


def test_slow_samples_end_early() -> None:
    """A low rate in the header does not turn a small file into gigabytes of samples."""
    content = wav(wav_format(PCM, 16, rate=1), chunk(b"data", noise(4).tobytes()))

    with pytest.raises(AudioTooLong):
        floats(io.BytesIO(content), LIMITS)


@pytest.mark.parametrize("rate", [7_000_000, 2_000_000_011])
def test_absurd_rates_are_refused(rate: int) -> None:
    """A rate for which the resampler's filter alone takes gigabytes is refused."""
    content = wav(wav_format(PCM, 16, rate=rate), chunk(b"data", noise(1).tobytes()))

    with pytest.raises(UndecodableAudio, match=f"{rate} Hz"):
        floats(io.BytesIO(content), LIMITS)


def test_absurd_channels_are_refused() -> None:
    """More channels than FFmpeg can mix are refused before a second of them takes gigabytes."""
    content = wav(wav_format(PCM, 16, channels=255), chunk(b"data", bytes(255 * 2 * RATE)))

    with pytest.raises(UndecodableAudio, match="255 channels"):
        floats(io.BytesIO(content), LIMITS)


# ── what is refused ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("content", [b"RIFF", b"fLaC", b"hello, world" * 100, bytes(4096)])
def test_other_files_are_refused(content: bytes) -> None:
    """A bare magic number, text and zeros are refused as undecodable."""
    with pytest.raises(UndecodableAudio):
        floats(io.BytesIO(content), LIMITS)


@pytest.mark.parametrize("content", [b"", wav(wav_format(PCM, 16), chunk(b"data", b""))])
def test_nothing_is_empty(content: bytes) -> None:
    """An empty file, and a container without samples, have an error of their own."""
    with pytest.raises(EmptyAudio):
        floats(io.BytesIO(content), LIMITS)


def test_a_silent_movie_has_no_audio() -> None:
    """A container without an audio stream has an error of its own."""
    with pytest.raises(NoAudio):
        floats(io.BytesIO(movie("mp4", "mpeg4", None)), LIMITS)


def test_fewer_channels_are_refused() -> None:
    """Stereo that changes to mono, which crashes faster-whisper's process, is an error."""
    stereo, mono = (
        as_format("adts", "aac", rate=16_000, layout=layout) for layout in ("stereo", "mono")
    )

    with pytest.raises(UndecodableAudio, match="channels"):
        floats(io.BytesIO(stereo + mono), LIMITS)


def test_a_file_opens_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A playlist does not make the server read its own files."""
    (tmp_path / "secret.wav").write_bytes(encoded(tone(1), "wav"))
    monkeypatch.chdir(tmp_path)
    playlist = b"ffconcat version 1.0\nfile secret.wav\n"

    assert len(decode_audio(io.BytesIO(playlist))) == RATE
    with pytest.raises(UndecodableAudio):
        floats(io.BytesIO(playlist), LIMITS)


def test_a_file_opens_no_connection() -> None:
    """A session description does not make the server listen for the audio that it announces."""
    session = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    media = b"m=audio 45678 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

    with pytest.raises(UndecodableAudio):
        floats(io.BytesIO(session + media), LIMITS)


def test_a_picture_is_not_unpacked() -> None:
    """A picture in a recording is not decoded to learn its size."""
    flac = as_format("flac", "flac", rate=16_000, layout="mono")
    picture = png(64, 48)
    form = struct.pack(">II9s6I", 3, 9, b"image/png", 0, 0, 0, 24, 0, len(picture)) + picture
    block = bytes([6]) + len(form).to_bytes(3, "big") + form
    content = flac[:42] + block + flac[42:]
    budget = Budget(LIMITS, reserved(LIMITS))

    with av.open(io.BytesIO(content)) as container:
        assert container.streams.video[0].codec_context.width == 64
    with opened(Source(io.BytesIO(content), budget)) as container:
        assert container.streams.video[0].codec_context.width == 0


@pytest.mark.parametrize("container", ["flv", "mpeg", "mpegts"])
def test_streams_that_show_late_are_opened(container: str) -> None:
    """Containers whose streams appear only behind the header do not end the process."""
    codec = "mp2" if container == "mpeg" else "aac"
    content = as_format(container, codec, rate=48_000, layout="mono")

    for _ in range(50):
        assert len(floats(io.BytesIO(content), LIMITS)) >= RATE


class Failing(io.BytesIO):
    """A file whose disk fails from some position on."""

    def read(self, size: int | None = -1) -> bytes:
        """Raise OSError behind 40,000 bytes."""
        if self.tell() > 40_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_failing_file_is_not_a_short_recording() -> None:
    """A failing disk is not taken for the end, and does not fail the thread's next decode."""
    content = as_format("ogg", "libopus", rate=48_000, layout="stereo", seconds=20)

    with pytest.raises(OSError, match="Input/output"):
        floats(Failing(content), LIMITS)

    assert len(floats(io.BytesIO(content), LIMITS)) > 19 * RATE
