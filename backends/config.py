"""The models of the configuration: one Struct per engine, chosen by the key `backend`.

A little longer than a file should be, so that all that a user may write is in one place.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from .cluster_config import Replication
from .whisper_options import Decoding

Count = Annotated[int, Meta(ge=1)]
"""A number of things, at least 1."""
Seconds = Annotated[float, Meta(gt=0)]
ModelId = Annotated[str, Meta(min_length=1, max_length=256)]

Restarts = Annotated[int, Meta(ge=0)]
"""Most restarts in a row of an engine that has died. An engine that lives for five minutes ends the
row."""
StallSeconds = Annotated[float, Meta(gt=0)]
"""Seconds without progress after which an engine counts as dead. For speech the end of each of its
calls is progress, for chats also each token. The default is long, because a call with many windows
may take minutes on a slow CPU; infinity: it never counts as dead by this."""

Device = Literal["auto", "cpu", "cuda"]


class AudioLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one decoded recording: one that exceeds them is refused, however small its file."""

    max_audio_seconds: Annotated[float, Meta(gt=0)] = 4 * 3600.0
    """Seconds of audio."""
    max_decoded_bytes: Count = 8 << 30
    """Bytes of the samples as the decoder returns them, before they are mixed to mono and
    resampled."""
    max_decode_seconds: Annotated[float, Meta(gt=0)] = 300.0
    """Seconds of wall time in the decoder."""


class WhisperOptions(AudioLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `faster_whisper.WhisperModel`, with its defaults, and options of Shim."""

    device: Device = "auto"
    device_index: int | list[int] = 0
    compute_type: str = "default"
    cpu_threads: Annotated[int, Meta(ge=0)] = 0
    num_workers: Count = 1
    """Batches that the engine computes at once, on each device."""
    revision: str | None = None
    local_files_only: bool = False
    max_batch: Count = 8
    """Most windows in one batch, each from another request."""
    decoding: Decoding = Decoding()
    """Defaults of the options that a request leaves out."""


class Ct2Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `ctranslate2.Generator`, with its defaults but for the threads."""

    device: Device = "cpu"
    compute_type: str = "default"
    inter_threads: Count = 1
    """Batches that the engine computes at once; more for requests that have waited long."""
    intra_threads: Annotated[int, Meta(ge=0)] | None = None
    """Threads of a batch; None: half of the cores for all batches, 1 to 4 for each; 0:
    CTranslate2's own choice."""
    max_length_difference: Annotated[int, Meta(ge=0)] | None = None
    """Tokens by which the prompts of one batch may differ in length; None: 64, but 0 in int8. The
    engine reads the end of longer prompts token by token, which rounds otherwise: by 1e-5 in log
    probabilities of float32, but enough to change texts of int8. There, with 0, every answer is,
    bit for bit, what it is alone; in float32 the size of a batch still shows, by 1e-5."""
    max_model_len: Count | None = None
    """Tokens of the context; None: the tokenizer's `model_max_length`."""
    revision: str | None = None


class FakeOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the fake engine: its context, its delays and its failures."""

    max_model_len: Count = 1024
    """Tokens of the context; a token is a word."""
    seconds_per_item: Annotated[float, Meta(ge=0)] = 0.0
    """Seconds before each word, vector or segment."""
    fail_after: Annotated[int, Meta(ge=0)] | None = None
    """Number of items of an answer after which the engine fails; None: it does not fail, or at the
    first item if one of the next two is set."""
    fail_first: Annotated[int, Meta(ge=0)] = 0
    """Requests that fail, from the first one; 0: all, or as `fail_rate` says."""
    fail_rate: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of the requests that fail, drawn with `seed`."""
    seed: int = 0
    """Seed of the draws: the same requests fail in every run, by their order."""
    down_seconds: Annotated[float, Meta(ge=0)] = 0.0
    """Seconds for which the engine is dead after a failure: all requests fail, those that run
    too, and the model is not ready."""
    retry_after: Annotated[float, Meta(ge=0, le=60)] | None = None
    """Seconds in the Retry-After of a failure; None: as for any engine that is dead."""
    stall_after: Annotated[int, Meta(ge=0)] | None = None
    """Number of items of an answer after which the engine pauses once; None: it does not."""
    stall_seconds: Annotated[float, Meta(ge=0)] = 0.0
    """Seconds of that pause."""
    start_seconds: Annotated[float, Meta(ge=0)] = 0.0
    """Seconds that the model takes to open."""
    log_file: str | None = None
    """A file to which each computation appends a line when it begins and when it ends: `begin`,
    `end` or, if it was aborted, `left`, and the digest of its prompt; None: no file."""
    dead: bool = False
    """Whether every request fails."""
    ready: bool = True
    """Whether the engine reports that it is ready."""
    fails_self_test: bool = False
    """Whether the self-test fails."""


class _Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="backend"):
    id: ModelId
    source: str
    """A directory, or a name on the model hub."""
    aliases: tuple[ModelId, ...] = ()
    """Other names of the model in requests."""
    max_running: Count = 1
    """Most requests in the engine at once."""
    max_waiting: Annotated[int, Meta(ge=0)] = 4096
    """Most requests that wait for the engine; the next one is refused."""
    cluster: Replication = Replication()
    """The model's replicas, if there is a cluster; `max_running` is then that of each replica."""


class WhisperModelConfig(_Model, frozen=True, kw_only=True, tag="whisper"):
    """A speech model for faster-whisper."""

    max_running: Count = 16
    """Most recordings that are worked on at once, each in a thread of its own. The default is two
    batches, so that the next recordings are decoded while the engine computes."""
    max_restarts: Restarts = 5
    max_stall_seconds: StallSeconds = 1800.0
    options: WhisperOptions = WhisperOptions()


class _TextModel(_Model, frozen=True, kw_only=True):
    max_tokens_beyond_context: Literal["refuse", "shorten"] = "refuse"
    """What happens to a request whose prompt fits the context, but not together with the requested
    completion: the request is refused, as at OpenAI, or the completion shortened to fit."""


class VllmModelConfig(_TextModel, frozen=True, kw_only=True, tag="vllm"):
    """A chat or an embedding model for vLLM's engine, which detects the model's kind."""

    max_running: Count = 256
    max_restarts: Restarts = 5
    stream_interval_ms: Annotated[int, Meta(ge=0, le=60_000)] | None = None
    """Milliseconds between two events of a stream; 0: one event per token; None: 4 ms for each
    running stream, from 40 to 100. The first token and the end are sent at once."""
    options: dict[str, Any] = {}
    """Any argument of `vllm.AsyncEngineArgs`, which vLLM checks, and those options of vLLM's server
    that concern chats (`tool_call_parser`, `chat_template` …)."""
    adapters: dict[ModelId, str] = {}
    """LoRA adapters: each one's name in requests → its directory, or its name on the hub."""


class Ct2ModelConfig(_TextModel, frozen=True, kw_only=True, tag="ct2"):
    """A chat model for CTranslate2's Generator."""

    max_running: Count = 8
    max_restarts: Restarts = 5
    max_stall_seconds: StallSeconds = 1800.0
    options: Ct2Options = Ct2Options()


class FakeModelConfig(_Model, frozen=True, kw_only=True, tag="fake"):
    """A deterministic engine for tests and load; `source` is the kind of the model."""

    source: Literal["chat", "speech", "embedding"]
    max_running: Count = 64
    options: FakeOptions = FakeOptions()


class Upstream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that speaks OpenAI's API: vLLM's, another Shim, a cloud."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s?#@/][^\s?#@]*$")]
    """The base URL, as clients have it: mostly ends in `/v1`. It holds no user and no password."""
    key: Annotated[str, Meta(pattern=r"^[!-~]+$")] | None = None
    """The key that the server needs; None: it needs none."""
    model: str | None = None
    """The model's name there; None: as in `id`."""
    weight: Annotated[float, Meta(gt=0)] = 1.0
    """Share of the requests, relative to the other servers."""
    max_running: Count | None = None
    """Most requests there at once; None: not limited."""

    def __repr__(self) -> str:
        """Return the fields without the key, and without a password in the URL."""
        return f"Upstream(url={self.url.rpartition('@')[2]!r}, model={self.model!r})"


class RemoteOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a pool of servers: their health, attempts and times."""

    affinity: bool = False
    """Whether requests with the same beginning go to the same server, whose cache has it."""
    connect_seconds: Seconds = 5.0
    """Most seconds to connect to a server."""
    read_seconds: Seconds = 600.0
    """Most seconds without a byte of an answer, its beginning included."""
    total_seconds: Seconds | None = None
    """Most seconds for the whole answer of one server; None: not limited."""
    wait_seconds: Annotated[float, Meta(ge=0)] = 10.0
    """Most seconds that a request waits when every server has answered with a Retry-After."""
    whole_streams: bool = False
    """Whether a stream is read to its end before its first event is sent on: until then another
    server can answer instead of one that dies."""
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    """Most further servers that are tried for one request."""
    retry_delay_ms: Annotated[int, Meta(ge=0)] = 50
    """Most milliseconds before the first further try; doubled for each one after it."""
    probe_seconds: Seconds = 5.0
    """Seconds between two probes of a server."""
    probe_timeout_seconds: Seconds = 2.0
    """Most seconds for the answer to a probe."""
    probe_misses: Count = 2
    """Failed probes in a row after which a server gets no requests."""
    probe_hits: Count = 1
    """Answered probes in a row after which it gets requests again."""


class RemoteModelConfig(_Model, frozen=True, kw_only=True, tag="remote"):
    """A model on other servers that speak OpenAI's API."""

    source: Literal[""] = ""
    """Not used: the servers are `upstreams`."""
    upstreams: Annotated[tuple[Upstream, ...], Meta(min_length=1)]
    max_running: Count = 1024
    options: RemoteOptions = RemoteOptions()


ModelConfig = (
    WhisperModelConfig | VllmModelConfig | Ct2ModelConfig | FakeModelConfig | RemoteModelConfig
)


def without_keys(model: ModelConfig) -> ModelConfig:
    """Return *model* without the keys of its upstreams, to print it or to compute a hash of it."""
    if not isinstance(model, RemoteModelConfig):
        return model
    return replace(model, upstreams=tuple(replace(each, key=None) for each in model.upstreams))


def names(model: ModelConfig) -> tuple[str, ...]:
    """Return every name that *model* and its LoRA adapters have in requests."""
    adapters = model.adapters if isinstance(model, VllmModelConfig) else ()
    return (model.id, *model.aliases, *adapters)


def is_local(model: ModelConfig) -> bool:
    """Return whether *model* is loaded from this machine and not from the model hub."""
    return isinstance(model, FakeModelConfig | RemoteModelConfig) or Path(model.source).exists()


_BUILTIN = Path(__file__).parent / "builtin"

# The aliases let clients that name OpenAI's models work unchanged. Each model computes in one
# thread: dividing the work of such a small model costs more than it saves.
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
"""The models that are served without a configuration: the small ones that the package contains."""
