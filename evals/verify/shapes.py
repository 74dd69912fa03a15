"""What is read of OpenAI's answers; another shape is a breach.

A long file, so that the shapes of all routes are in one place.
"""

from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")

Some = Annotated[list[T], Meta(min_length=1)]
"""A list that is not empty."""


class Usage(Struct):
    """Counts of tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TopLogprob(Struct):
    """An alternative of a token."""

    token: str
    logprob: float


class TokenLogprob(Struct):
    """A token of a chat's answer."""

    token: str
    logprob: float
    top_logprobs: list[TopLogprob]


class Logprobs(Struct):
    """The tokens of a chat's answer."""

    content: list[TokenLogprob] | None


class ToolCall(Struct):
    """A tool call; its arguments are not read."""

    id: str
    type: Literal["function"]


class Message(Struct):
    """The message of a chat's answer."""

    role: Literal["assistant"]
    content: str | None
    tool_calls: list[ToolCall] | None = None


class ChatChoice(Struct):
    """One answer of a chat."""

    index: int
    message: Message
    finish_reason: str
    logprobs: Logprobs | None = None


class Chat(Struct):
    """A whole chat completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: Some[ChatChoice]
    usage: Usage
    system_fingerprint: str | None = None


class Delta(Struct):
    """What a chunk adds to a message."""

    content: str | None = None


class ChunkChoice(Struct):
    """What a chunk adds to a choice."""

    index: int
    delta: Delta
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Chunk(Struct):
    """An event of a chat's stream."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None


class TextLogprobs(Struct):
    """The tokens of a continued text; with `echo`, of the prompt too."""

    tokens: list[str]
    token_logprobs: list[float | None]
    text_offset: list[int] = []


class TextChoice(Struct):
    """A continued text, or in a stream a piece of it."""

    index: int
    text: str
    finish_reason: str | None
    logprobs: TextLogprobs | None = None


class Text(Struct):
    """A whole answer of `/v1/completions`."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: Some[TextChoice]
    usage: Usage


class TextChunk(Struct):
    """An event of the stream of `/v1/completions`."""

    object: Literal["text_completion"]
    choices: list[TextChoice]
    usage: Usage | None = None


class Content(Struct):
    """A part of a response's message."""

    type: str
    text: str = ""


class Item(Struct):
    """An item of a response's output."""

    type: str
    content: list[Content] | None = None


class ResponseUsage(Struct):
    """Counts of tokens, by the names of responses."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class Response(Struct):
    """A response."""

    id: str
    object: Literal["response"]
    status: str
    output: list[Item]
    usage: ResponseUsage

    @property
    def text(self) -> str:
        """The text of all messages."""
        messages = (item.content or [] for item in self.output if item.type == "message")
        return "".join(part.text for content in messages for part in content)


class ResponseEvent(Struct):
    """An event of a response's stream."""

    type: str
    delta: str | dict[str, object] | None = None
    response: dict[str, object] | None = None


class Vector(Struct):
    """One embedding; base64 is a text."""

    index: int
    embedding: list[float] | str


class Embeddings(Struct):
    """The answer of `/v1/embeddings`."""

    object: Literal["list"]
    data: list[Vector]


class Segment(Struct):
    """A segment of a transcription, with the numbers that Whisper has."""

    start: float
    end: float
    text: str
    tokens: list[int] = []
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None


class Word(Struct):
    """A word of a transcription and its times."""

    word: str
    start: float
    end: float


class Language(Struct):
    """The code of a language, in the newer form of a transcription."""

    code: str


class Transcription(Struct):
    """A transcription in `json` or `verbose_json`."""

    text: str
    language: str | None = None
    languages: list[Language] | None = None
    segments: list[Segment] | None = None
    words: list[Word] | None = None


class TranscriptionEvent(Struct):
    """An event of a transcription's stream."""

    type: str
    delta: str = ""
    text: str | None = None


class Card(Struct):
    """A model of the list."""

    id: str
    object: Literal["model"]


class Cards(Struct):
    """The list of models."""

    object: Literal["list"]
    data: list[Card]


class Error(Struct):
    """The error of a refusal."""

    message: str
    type: str | None
    param: str | None
    code: str | int | None


class Refusal(Struct):
    """The body of a refusal."""

    error: Error
