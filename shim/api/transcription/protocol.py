"""The wire of transcriptions: OpenAI's form and answers as msgspec Structs, nothing else."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.limits import Name

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
Granularity = Literal["segment", "word"]
Text = Annotated[str, Meta(max_length=20_000)]
"""Whisper reads the last 223 tokens of it."""
Words = Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=100)]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]

# ── request ───────────────────────────────────────────────────────────────────


class ServerVad(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="server_vad"
):
    """`chunking_strategy` with its numbers and OpenAI's defaults."""

    prefix_padding_ms: Milliseconds = 300
    silence_duration_ms: Milliseconds = 200
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5


class TranscriptionForm(Struct, frozen=True, kw_only=True):
    """The fields beside the file, of transcriptions and of translations, which have fewer."""

    model: Name | None = None
    language: Annotated[str, Meta(max_length=100)] | None = None
    languages: Words = []
    prompt: Text | None = None
    keywords: Words = []
    response_format: ResponseFormat = "json"
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    timestamp_granularities: Annotated[list[Granularity], Meta(max_length=16)] = []
    include: Annotated[list[Literal["logprobs"]], Meta(max_length=16)] = []
    chunking_strategy: Literal["auto"] | ServerVad | None = None
    stream: bool = False
    # Words of other servers for the same.
    initial_prompt: Text | None = None
    """faster-whisper's name of `prompt`."""
    word_timestamps: bool | None = None
    """faster-whisper's: its loop reads words' times, which `verbose_json` tells."""
    task: Literal["transcribe", "translate"] | None = None
    translate: bool | None = None
    to_language: Annotated[str, Meta(max_length=100)] | None = None
    """vLLM's: of the text; Whisper translates into English alone."""
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    """vLLM's: of each window, as faster-whisper's `max_new_tokens`."""


# ── answer ────────────────────────────────────────────────────────────────────


class DurationUsage(Struct, frozen=True, tag_field="type", tag="duration"):
    """What was transcribed, in whole seconds, rounded up."""

    seconds: int


class InputTokens(Struct, frozen=True):
    """Where the input's tokens come from."""

    audio_tokens: int
    text_tokens: int


class TokenUsage(Struct, frozen=True, kw_only=True, tag_field="type", tag="tokens"):
    """What the model read and wrote."""

    input_tokens: int
    input_token_details: InputTokens
    output_tokens: int
    total_tokens: int


class Logprob(Struct, frozen=True):
    """A token of the text with the natural logarithm of its probability."""

    token: str
    logprob: float
    bytes: list[int]


class SpokenLanguage(Struct, frozen=True):
    """A language of the recording."""

    code: str
    """As Whisper has it: of two or three letters."""


class Transcription(Struct, frozen=True, kw_only=True):
    """`json`."""

    text: str
    languages: list[SpokenLanguage] | UnsetType = UNSET
    """The language that was named or detected; empty if it was not named and nothing was said."""
    logprobs: list[Logprob] | UnsetType = UNSET
    usage: DurationUsage


class SegmentBody(Struct, frozen=True, kw_only=True):
    """A segment with the engine's own numbers."""

    id: int
    """From 0."""
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
    language_probability: float
    """Not OpenAI's: 1 where the request named the language."""
    duration: float
    text: str
    segments: list[SegmentBody] | UnsetType = UNSET
    words: list[WordBody] | UnsetType = UNSET
    usage: DurationUsage


# ── stream ────────────────────────────────────────────────────────────────────


class TextDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript.text.delta"):
    """The next piece of the text."""

    delta: str
    logprobs: list[Logprob] | UnsetType = UNSET


class TextDone(Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript.text.done"):
    """The whole text, once all of it is there."""

    text: str
    languages: list[SpokenLanguage]
    logprobs: list[Logprob] | UnsetType = UNSET
    usage: TokenUsage
