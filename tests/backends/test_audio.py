"""Decoding: the samples that faster-whisper hears, and nothing cut short."""

import io
import struct

import numpy as np
import pytest
from faster_whisper.audio import decode_audio

from backends.audio import RATE, decode
from backends.base import AudioTooLong, UndecodableAudio
from tests.backends.recordings import clips
from tests.client.recordings import CONTAINERS, encoded, tone

MINUTE = 60.0


@pytest.mark.parametrize("container", CONTAINERS)
def test_samples_are_faster_whispers(container: str) -> None:
    """Every container gives the very samples that faster-whisper decodes from it."""
    content = encoded(tone(3), container)

    samples = decode(io.BytesIO(content), max_seconds=MINUTE)

    assert samples.dtype == np.float32
    assert np.array_equal(samples, decode_audio(io.BytesIO(content)))


def test_clips_are_faster_whispers() -> None:
    """So do the bundled recordings."""
    for clip in clips()[:5]:
        with clip.open("rb") as audio:
            assert np.array_equal(decode(audio, max_seconds=MINUTE), decode_audio(str(clip)))


@pytest.mark.parametrize("container", ["wav", "mp3", "flac", "m4a"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_cut_recording_is_refused(container: str, share: float) -> None:
    """What breaks off before the length that it states is an error, not a shorter recording."""
    whole = encoded(tone(5), container)

    with pytest.raises(UndecodableAudio) as refused:
        decode(io.BytesIO(whole[: int(len(whole) * share)]), max_seconds=MINUTE)

    assert refused.value.option == "audio"


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_of_open_length_is_whole(size: int) -> None:
    """A program that writes WAV into a pipe cannot know its size, and leaves one of these."""
    content = bytearray(encoded(tone(2), "wav"))
    struct.pack_into("<I", content, 4, size)

    samples = decode(io.BytesIO(content), max_seconds=MINUTE)

    assert len(samples) == 2 * RATE


def test_more_audio_than_allowed_ends_early() -> None:
    """A small file that unpacks to a long recording is refused by its length in seconds."""
    silence = np.zeros(RATE * 120, np.int16)

    with pytest.raises(AudioTooLong, match="60 s"):
        decode(io.BytesIO(encoded(silence, "flac")), max_seconds=MINUTE)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"fLaC", b"hello, world" * 100, bytes(4096)])
def test_what_is_no_audio_is_refused(content: bytes) -> None:
    """Empty, a bare magic number, text, zeros: all are refused by name."""
    with pytest.raises(UndecodableAudio):
        decode(io.BytesIO(content), max_seconds=MINUTE)
