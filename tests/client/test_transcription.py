"""Transcriptions through the stock client: every format, container and way to name a file."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from faster_whisper import WhisperModel

from tests.backends.audio.timelines import aiff, gap, late, written
from tests.client.recordings import CONTAINERS, encoded, speech
from tests.client.stock import answered
from tests.live import BUILTIN, CLIPS
from tests.reference import decode_audio

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"
SAID = "turn on the kitchen fan"


async def transcribed(client: Any, file: Any = CLIP, **options: Any) -> Any:
    """Ask the built-in model for the transcription of *file*."""
    return await answered(
        client.audio.transcriptions.create(model="toy-speech", file=file, **options)
    )


async def test_json(builtin: Any) -> None:
    """`json` is the text and the seconds."""
    found = await transcribed(builtin, response_format="json")

    assert found.text == SAID
    assert found.to_dict()["languages"] == [{"code": "en"}]
    assert found.usage.to_dict() == {"type": "duration", "seconds": 2}
    assert found._request_id.startswith("req_")


async def test_text(builtin: Any) -> None:
    """`text` is the text and a newline."""
    assert await transcribed(builtin, response_format="text") == f"{SAID}\n"


async def test_srt(builtin: Any) -> None:
    """`srt` is SubRip."""
    subtitles = await transcribed(builtin, response_format="srt")

    assert subtitles.startswith("1\n00:00:00,000 --> 00:00:01,")
    assert subtitles.endswith(f"\n{SAID}\n\n")


async def test_vtt(builtin: Any) -> None:
    """`vtt` is WebVTT."""
    subtitles = await transcribed(builtin, response_format="vtt")

    assert subtitles.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.")
    assert subtitles.endswith(f"\n{SAID}\n\n")


async def test_verbose_json(builtin: Any) -> None:
    """`verbose_json` has the segments, the language's full name and no words."""
    found = await transcribed(builtin, response_format="verbose_json")

    assert (found.text, found.language, found.words) == (SAID, "english", None)
    assert found.duration == pytest.approx(1.64, abs=0.01)
    assert found.usage.seconds == 2
    [segment] = found.segments
    assert segment.id == 0
    assert segment.text.strip() == SAID
    assert 0 <= segment.start < segment.end <= found.duration
    assert segment.tokens
    assert segment.temperature == 0.0
    assert segment.avg_logprob < 0


@pytest.mark.parametrize(
    ("granularities", "segments", "words"),
    [(["word"], False, True), (["segment"], True, False), (["segment", "word"], True, True)],
)
async def test_granularities(
    builtin: Any, granularities: list[str], *, segments: bool, words: bool
) -> None:
    """What `timestamp_granularities` names is there, and nothing else."""
    found = await transcribed(
        builtin, response_format="verbose_json", timestamp_granularities=granularities
    )

    assert (found.segments is not None, found.words is not None) == (segments, words)
    if words:
        assert [word.word for word in found.words] == SAID.split()
        starts = [word.start for word in found.words]
        assert starts == sorted(starts)


async def test_options(builtin: Any) -> None:
    """Language by code, prompt and temperature are taken."""
    found = await transcribed(builtin, language="en", prompt="turn off the lamp", temperature=0.0)

    assert found.text == SAID


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("builtin", ["async"], indirect=True)
async def test_containers(builtin: Any, container: str) -> None:
    """Whatever the container, the content is told and heard."""
    audio = encoded(speech(CLIP), container)

    found = await transcribed(builtin, ("upload", audio))

    assert found.text == SAID


SPOKEN = speech(CLIP)
LATER = written("mpegts", "aac", SPOKEN, rate=16_000, shift=late(3600))
WHOLE = {
    "gap": written("matroska", "flac", SPOKEN, rate=16_000, shift=gap(3, after=0.8)),
    "late": written("mp4", "alac", SPOKEN, rate=16_000, shift=late(30)),
    "piped": aiff(SPOKEN.astype(">i2").tobytes(), 16, rate=16_000, channels=1),
    "two, an hour apart": written("mpegts", "aac", SPOKEN, rate=16_000) + LATER,
}
"""Recordings whose stated length is not that of their samples."""


@pytest.mark.parametrize("audio", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("builtin", ["async"], indirect=True)
async def test_whole_recordings(builtin: Any, audio: bytes) -> None:
    """What is whole is heard, with the text that faster-whisper gives for the file."""
    offline = WhisperModel(str(BUILTIN / "speech"), device="cpu", compute_type="int8")
    segments, _ = offline.transcribe(decode_audio(io.BytesIO(audio)))

    found = await transcribed(builtin, ("upload", audio))

    assert found.text == "".join(segment.text for segment in segments).strip()
    assert SAID in found.text


@pytest.mark.parametrize("builtin", ["async"], indirect=True)
@pytest.mark.parametrize(
    "file",
    [
        lambda: ("upload", CLIP.read_bytes(), "application/octet-stream"),
        lambda: ("/home/someone/réunion 1.flac", CLIP.read_bytes()),
        lambda: ("C:\\audio\\a.mp3", CLIP.read_bytes(), "audio/mpeg"),
        CLIP.read_bytes,
    ],
    ids=["octets", "path", "misnamed", "bytes"],
)
async def test_names_of_files(builtin: Any, file: Callable[[], Any]) -> None:
    """The file may come without an extension, with a path, and called what it is not."""
    assert (await transcribed(builtin, file())).text == SAID


async def test_an_alias(builtin: Any) -> None:
    """OpenAI's name for the model is served."""
    found = await answered(builtin.audio.transcriptions.create(model="whisper-1", file=CLIP))

    assert found.text == SAID
