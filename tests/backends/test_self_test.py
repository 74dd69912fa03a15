"""The self-tests of real engines: they pass where requests would, and reach the engine."""

import io

import av
import pytest

from backends.base import Batch, ChatBackend, EmbeddingBackend, SpeechBackend
from backends.config import Ct2ModelConfig, Ct2Options, WhisperModelConfig, WhisperOptions
from backends.registry import adapter
from backends.self_test import recording
from backends.whisper_options import Decoding
from tests.live import BUILTIN


def whisper(**options: object) -> WhisperModelConfig:
    """Return the built-in speech model with *options*."""
    given = {"compute_type": "int8", "cpu_threads": 1, **options}
    return WhisperModelConfig(
        id="w", source=str(BUILTIN / "speech"), options=WhisperOptions(**given)
    )


async def test_chat(chat: ChatBackend) -> None:
    """Every chat backend draws a token."""
    await chat.self_test()


async def test_embedding(embedding: EmbeddingBackend) -> None:
    """Every embedding backend makes a vector."""
    await embedding.self_test()


async def test_speech(speech: SpeechBackend) -> None:
    """Every speech backend hears the recording."""
    await speech.self_test()


def test_the_recording() -> None:
    """It is one second of sound at a rate that FFmpeg has to convert."""
    with av.open(io.BytesIO(recording())) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]

    assert file.format.name == "wav"
    assert sum(frame.shape[1] for frame in frames) == 22_050
    assert max(abs(frame).max() for frame in frames) == 8_000


async def test_the_engine_is_reached_whatever_is_configured() -> None:
    """With detection of speech, too, every call of a request that names no language is made."""
    batches: list[Batch] = []
    config = whisper(decoding=Decoding(vad_filter=True, beam_size=3))

    async with adapter(config, lambda _, batch: batches.append(batch)) as backend:
        await backend.self_test()

    assert {batch.call for batch in batches} == {"encode", "detect_language", "generate"}


@pytest.mark.parametrize(
    "config",
    [
        whisper(max_audio_seconds=0.5),
        whisper(max_decoded_bytes=1000),
        Ct2ModelConfig(id="c", source=str(BUILTIN / "chat"), options=Ct2Options(max_model_len=1)),
    ],
    ids=["seconds", "bytes", "tokens"],
)
async def test_tight_limits_are_no_failure(
    config: WhisperModelConfig | Ct2ModelConfig,
) -> None:
    """Limits that the self-test itself exceeds are the operator's choice."""
    async with adapter(config) as backend:
        await backend.self_test()


async def test_a_decoder_that_cannot_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any exception inside is raised."""

    def broken(*_: object, **__: object) -> None:
        raise TypeError("unexpected keyword argument")

    monkeypatch.setattr(av, "open", broken)
    async with adapter(whisper()) as backend:
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            await backend.self_test()
