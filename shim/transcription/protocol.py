"""The wire of transcriptions: OpenAI's form and answers as msgspec Structs, nothing else."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]
Granularity = Literal["segment", "word"]

# ── request ───────────────────────────────────────────────────────────────────


class TranscriptionForm(Struct, frozen=True, kw_only=True):
    """The fields beside the file; unknown ones are ignored, as OpenAI's clients expect."""

    model: str
    language: str | None = None
    prompt: str | None = None
    response_format: ResponseFormat = "json"
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    timestamp_granularities: list[Granularity] = []
    # Known, and refused where they would change the answer.
    stream: bool = False
    include: list[str] = []
    languages: list[str] = []
    keywords: list[str] = []
    chunking_strategy: str | None = None
    known_speaker_names: list[str] = []
    known_speaker_references: list[str] = []


LIST_FIELDS = frozenset(
    name
    for name, kind in TranscriptionForm.__annotations__.items()
    if getattr(kind, "__origin__", None) is list
)
"""Fields that arrive as `name[]`, repeated or single."""

# ── answer ────────────────────────────────────────────────────────────────────


class DurationUsage(Struct, frozen=True, tag_field="type", tag="duration"):
    """What was transcribed, in whole seconds, rounded up."""

    seconds: int


class Transcription(Struct, frozen=True, kw_only=True):
    """`json`."""

    text: str
    usage: DurationUsage


class SegmentBody(Struct, frozen=True, kw_only=True):
    """A segment with the engine's own numbers."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class WordBody(Struct, frozen=True, kw_only=True):
    """A word and its place, in seconds."""

    word: str
    start: float
    end: float


class VerboseTranscription(Struct, frozen=True, kw_only=True):
    """`verbose_json`: `segments` and `words` as the granularities asked."""

    task: str
    language: str
    duration: float
    text: str
    segments: list[SegmentBody] | UnsetType = UNSET
    words: list[WordBody] | UnsetType = UNSET
    usage: DurationUsage
