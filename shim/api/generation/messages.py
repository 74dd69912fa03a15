"""The wire of what a chat model is told: messages, their parts, tools; nothing else."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from shim.limits import Name

# ── parts of a content ────────────────────────────────────────────────────────


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """A text."""

    text: str


class RefusalPart(Struct, frozen=True, tag_field="type", tag="refusal"):
    """An earlier refusal of the assistant."""

    refusal: str


class Url(Struct, frozen=True):
    """Where a medium is: a `data:` URL, or one of a host that the server allows."""

    url: str


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image; its `detail` is OpenAI's affair."""

    image_url: Url | str


class AudioPart(Struct, frozen=True, tag_field="type", tag="audio_url"):
    """A recording by its URL, as vLLM takes it."""

    audio_url: Url | str


class VideoPart(Struct, frozen=True, tag_field="type", tag="video_url"):
    """A film, as vLLM takes it."""

    video_url: Url | str


class Audio(Struct, frozen=True):
    """A recording in base64."""

    data: str
    """Base64, or a `data:` URL."""
    format: Annotated[str, Meta(pattern="^[A-Za-z0-9.+/-]{0,64}$")] | None = None
    """Only a hint: what the bytes are is told by themselves."""


class InputAudioPart(Struct, frozen=True, tag_field="type", tag="input_audio"):
    """A recording, as OpenAI takes it."""

    input_audio: Audio


Part = TextPart | RefusalPart | ImagePart | AudioPart | VideoPart | InputAudioPart

# ── turns ─────────────────────────────────────────────────────────────────────


class CalledFunction(Struct, frozen=True, kw_only=True):
    """What was called, and with which JSON text."""

    name: str
    arguments: str


class MessageToolCall(Struct, frozen=True, kw_only=True):
    """A call in an earlier turn."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(Struct, frozen=True, kw_only=True):
    """One turn; clients send explicit nulls for what they leave out."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[MessageToolCall] | None = None
    tool_call_id: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    """An earlier refusal of the assistant, where there is no content."""


Messages = Annotated[list[ChatMessage], Meta(min_length=1)]

# ── tools ─────────────────────────────────────────────────────────────────────


class FunctionDefinition(Struct, frozen=True, kw_only=True):
    """A function that may be called."""

    name: Annotated[Name, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolParam(Struct, frozen=True, kw_only=True):
    """A tool; of the kinds of tools only functions are here."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


class FunctionName(Struct, frozen=True):
    """Which function."""

    name: Name


class NamedToolChoice(Struct, frozen=True, kw_only=True):
    """The one that has to be called."""

    type: Literal["function"] = "function"
    function: FunctionName


ToolChoice = Literal["none", "auto", "required"] | NamedToolChoice
