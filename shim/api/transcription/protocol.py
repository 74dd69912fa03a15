"""The wire types of transcriptions: the form, the answers, and the events of a stream."""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.errors import ErrorBody
from shim.limits import Name

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
Granularity = Literal["segment", "word"]
Text = Annotated[str, Meta(max_length=20_000)]
"""A prompt. Whisper reads its last 223 tokens."""
Words = Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=100)]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]

# ── request ───────────────────────────────────────────────────────────────────


class ServerVad(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="server_vad"
):
    """`chunking_strategy` as an object. Its defaults are OpenAI's."""

    prefix_padding_ms: Milliseconds = 300
    silence_duration_ms: Milliseconds = 200
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Probability of speech above which sound counts as speech."""


class TranscriptionForm(Struct, frozen=True, kw_only=True):
    """The fields of a transcription or a translation, except its file."""

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
    # Other servers' names for the same options.
    initial_prompt: Text | None = None
    """faster-whisper's name for `prompt`."""
    word_timestamps: bool | None = None
    """faster-whisper's: whether to time the words; `verbose_json` then holds them."""
    task: Literal["transcribe", "translate"] | None = None
    translate: bool | None = None
    to_language: Annotated[str, Meta(max_length=100)] | None = None
    """vLLM's: the language of the text. Whisper translates into English only."""
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    """vLLM's: the limit for each window, like faster-whisper's `max_new_tokens`."""


# ── answer ────────────────────────────────────────────────────────────────────


class DurationUsage(Struct, frozen=True, tag_field="type", tag="duration"):
    """The duration of the recording."""

    seconds: int
    """Seconds, rounded up."""


class InputTokens(Struct, frozen=True):
    """The input's tokens by their kind."""

    audio_tokens: int
    """Positions of Whisper's encoder: 50 for a second."""
    text_tokens: int
    """Tokens of the prompt and the hotwords."""


class TokenUsage(Struct, frozen=True, kw_only=True, tag_field="type", tag="tokens"):
    """Counts of the tokens that the model read and wrote."""

    input_tokens: int
    input_token_details: InputTokens
    output_tokens: int
    total_tokens: int


class Logprob(Struct, frozen=True):
    """A token of the text with its log probability."""

    token: str
    logprob: float
    """Natural logarithm of the probability, at least -9999."""
    bytes: list[int]
    """UTF-8 of the token, which may be a part of a character."""


class SpokenLanguage(Struct, frozen=True):
    """A language of the recording."""

    code: str
    """Whisper's code: two or three letters."""


class Transcription(Struct, frozen=True, kw_only=True):
    """The answer in the format `json`."""

    text: str
    languages: list[SpokenLanguage] | UnsetType = UNSET
    """The named or detected language; empty if none was named and nothing was said."""
    logprobs: list[Logprob] | UnsetType = UNSET
    usage: DurationUsage


class SegmentBody(Struct, frozen=True, kw_only=True):
    """A segment with the engine's own numbers, as Whisper defines them."""

    id: int
    """From 0."""
    seek: int
    """The window's first frame (1/100 s)."""
    start: float
    """Seconds from the beginning of the recording, as is `end`."""
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class WordBody(Struct, frozen=True, kw_only=True):
    """A word and its begin and end, in seconds."""

    word: str
    start: float
    end: float


class VerboseTranscription(Struct, frozen=True, kw_only=True):
    """The answer in the format `verbose_json`; the granularities decide which lists it has."""

    task: str
    language: str
    """The English name of the text's language, in lower case."""
    language_probability: float
    """From 0 to 1; 1 if the request names the language. OpenAI's answers do not have it."""
    duration: float
    """Seconds."""
    text: str
    segments: list[SegmentBody] | UnsetType = UNSET
    words: list[WordBody] | UnsetType = UNSET
    usage: DurationUsage


# ── answer to `files` ─────────────────────────────────────────────────────────


class TranscriptionItem(Transcription, frozen=True, tag_field="object", tag="transcription"):
    """The answer for one of many recordings in the format `json`."""

    index: int
    """The number of the recording in the request, from 0."""


class VerboseItem(
    VerboseTranscription, frozen=True, tag_field="object", tag="transcription.verbose"
):
    """The answer for one of many recordings in the format `verbose_json`."""

    index: int
    """The number of the recording in the request, from 0."""


class TextItem(Struct, frozen=True, kw_only=True, tag_field="object", tag="transcription.text"):
    """The answer for one of many recordings in the format `text`, `srt` or `vtt`."""

    index: int
    """The number of the recording in the request, from 0."""
    text: str
    """The whole body that the answer to this recording alone would have."""


class FailedItem(Struct, frozen=True, kw_only=True, tag_field="object", tag="error"):
    """Why one of many recordings has no answer."""

    index: int
    """The number of the recording in the request, from 0."""
    status: int
    """The HTTP status that a request with this recording alone would have got."""
    error: ErrorBody


ListItem: TypeAlias = TranscriptionItem | VerboseItem | TextItem | FailedItem


class TranscriptionList(Struct, frozen=True, tag_field="object", tag="list"):
    """The answer to a request with `files`."""

    data: list[ListItem]
    """An item for each recording, in the request's order."""


# ── stream ────────────────────────────────────────────────────────────────────


class TextDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript.text.delta"):
    """The next part of the text."""

    delta: str
    logprobs: list[Logprob] | UnsetType = UNSET


class TextDone(Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript.text.done"):
    """The last event: the whole text."""

    text: str
    languages: list[SpokenLanguage]
    logprobs: list[Logprob] | UnsetType = UNSET
    usage: TokenUsage
