"""Configured models: one Struct per engine, told apart by their `backend`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from .whisper_options import Decoding

Count = Annotated[int, Meta(ge=1)]
ModelId = Annotated[str, Meta(min_length=1, max_length=256)]

Device = Literal["auto", "cpu", "cuda"]


class AudioLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one recording may unpack to, however small its file: beyond it is refused."""

    max_audio_seconds: Annotated[float, Meta(gt=0)] = 4 * 3600.0
    max_decoded_bytes: Count = 8 << 30
    """Samples as the codec gives them: before they are mixed to mono and resampled."""
    max_decode_seconds: Annotated[float, Meta(gt=0)] = 300.0
    """Wall time in the decoder."""


class WhisperOptions(AudioLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `faster_whisper.WhisperModel`, with its defaults; and what is ours."""

    device: Device = "auto"
    device_index: int | list[int] = 0
    compute_type: str = "default"
    cpu_threads: Annotated[int, Meta(ge=0)] = 0
    num_workers: Count = 1
    """Batches that the engine works on at once, on each device."""
    revision: str | None = None
    local_files_only: bool = False
    max_batch: Count = 8
    """Windows of different requests in one batch."""
    decoding: Decoding = Decoding()
    """What applies where a request says nothing."""


class Ct2Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `ctranslate2.Generator`, with its defaults."""

    device: Device = "cpu"
    compute_type: str = "default"
    inter_threads: Count = 1
    intra_threads: Annotated[int, Meta(ge=0)] = 0
    max_model_len: Count | None = None
    """Tokens; None: the tokenizer's `model_max_length`."""
    revision: str | None = None


class FakeOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the fake engine does besides answering."""

    max_model_len: Count = 1024
    seconds_per_item: Annotated[float, Meta(ge=0)] = 0.0
    fail_after: Annotated[int, Meta(ge=0)] | None = None
    """Items before the engine dies in mid-answer."""
    dead: bool = False
    ready: bool = True
    fails_self_test: bool = False


class _Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="backend"):
    id: ModelId
    source: str
    """A directory, or a name on the model hub."""
    aliases: tuple[ModelId, ...] = ()
    max_running: Count = 1
    """Requests in the engine at once."""
    max_waiting: Annotated[int, Meta(ge=0)] = 4096
    """Requests that may queue for it; the next one is refused."""


class WhisperModelConfig(_Model, frozen=True, kw_only=True, tag="whisper"):
    """Speech through faster-whisper."""

    max_running: Count = 16
    """Recordings in work at once, each in a thread of its own: twice a batch, so that the next
    ones are decoded while the engine works."""
    options: WhisperOptions = WhisperOptions()


class _TextModel(_Model, frozen=True, kw_only=True):
    max_tokens_beyond_context: Literal["refuse", "shorten"] = "refuse"
    """What is done where a prompt fits the context, and the completion that is asked for beside it
    does not: refused, as at OpenAI, or cut to what the context leaves."""


class VllmModelConfig(_TextModel, frozen=True, kw_only=True, tag="vllm"):
    """Chat, or embeddings, through vLLM's engine in this process: the model's kind decides."""

    max_running: Count = 256
    max_restarts: Annotated[int, Meta(ge=0)] = 5
    """Starts in a row of an engine that has died, until it stays dead; life of five minutes ends
    the row."""
    stream_interval_ms: Annotated[int, Meta(ge=0, le=60_000)] | None = None
    """Milliseconds between two events of a stream, 0: an event for each token; None: 4 for each
    running stream, from 40 to 100. The first token and the end never wait."""
    options: dict[str, Any] = {}
    """Any argument of `vllm.AsyncEngineArgs`, which vLLM itself refuses if it is wrong, and those
    of its server that concern chats (`tool_call_parser`, `chat_template` …)."""
    adapters: dict[ModelId, str] = {}
    """LoRA adapters, each a model by its own name: directories or names on the hub."""


class Ct2ModelConfig(_TextModel, frozen=True, kw_only=True, tag="ct2"):
    """Chat through CTranslate2's Generator."""

    max_running: Count = 8
    options: Ct2Options = Ct2Options()


class FakeModelConfig(_Model, frozen=True, kw_only=True, tag="fake"):
    """A deterministic engine for tests and load; its source is `chat`, `speech` or `embedding`."""

    source: Literal["chat", "speech", "embedding"]
    max_running: Count = 64
    options: FakeOptions = FakeOptions()


ModelConfig = WhisperModelConfig | VllmModelConfig | Ct2ModelConfig | FakeModelConfig


def names(model: ModelConfig) -> tuple[str, ...]:
    """Return every name by which a request may ask for *model* or one of its adapters."""
    adapters = model.adapters if isinstance(model, VllmModelConfig) else ()
    return (model.id, *model.aliases, *adapters)


def is_local(model: ModelConfig) -> bool:
    """Return whether *model* is loaded from this machine, not from the model hub."""
    return isinstance(model, FakeModelConfig) or Path(model.source).exists()


_BUILTIN = Path(__file__).parent / "builtin"

# Their names say what they are; the aliases are there so that unchanged clients get an answer.
# One thread each: on models this small, sharing the work costs more than it saves.
BUILTIN: tuple[ModelConfig, ...] = (
    WhisperModelConfig(
        id="toy-speech",
        source=str(_BUILTIN / "speech"),
        aliases=("whisper-1",),
        options=WhisperOptions(device="cpu", compute_type="int8", cpu_threads=1, num_workers=2),
    ),
    Ct2ModelConfig(
        id="toy-chat",
        source=str(_BUILTIN / "chat"),
        aliases=("gpt-4o-mini",),
        options=Ct2Options(compute_type="float32", intra_threads=1, inter_threads=2),
    ),
)
"""What is served with nothing configured: the small models that ship with the package."""
