"""The wire types of a conversation: messages, their parts and tools; nothing else."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from shim.limits import Name

# ── parts of a content ────────────────────────────────────────────────────────


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """A text."""

    text: str


class RefusalPart(Struct, frozen=True, tag_field="type", tag="refusal"):
    """A refusal by the assistant in an earlier turn."""

    refusal: str


class Url(Struct, frozen=True):
    """The location of a medium: a `data:` URL, or a URL of a host that the server allows."""

    url: str


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image. OpenAI's `detail` is ignored."""

    image_url: Url | str


class AudioPart(Struct, frozen=True, tag_field="type", tag="audio_url"):
    """A recording at a URL, in vLLM's form."""

    audio_url: Url | str


class VideoPart(Struct, frozen=True, tag_field="type", tag="video_url"):
    """A video at a URL, in vLLM's form."""

    video_url: Url | str


class Audio(Struct, frozen=True):
    """The data of a recording."""

    data: str
    """Base64, or a `data:` URL."""
    format: Annotated[str, Meta(pattern="^[A-Za-z0-9.+/-]{0,64}$")] | None = None
    """A hint only: decoders recognise the format by the bytes."""


class InputAudioPart(Struct, frozen=True, tag_field="type", tag="input_audio"):
    """A recording in base64, in OpenAI's form."""

    input_audio: Audio


Part = TextPart | RefusalPart | ImagePart | AudioPart | VideoPart | InputAudioPart

# ── turns ─────────────────────────────────────────────────────────────────────


class CalledFunction(Struct, frozen=True, kw_only=True):
    """The function of a tool call."""

    name: str
    arguments: str
    """JSON text, as the model wrote it."""


class MessageToolCall(Struct, frozen=True, kw_only=True):
    """A tool call in an earlier turn."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(Struct, frozen=True, kw_only=True):
    """One turn. An explicit null is the same as a missing field."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[MessageToolCall] | None = None
    tool_call_id: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    """Another name for `reasoning`; if both are sent, `reasoning` is used."""
    refusal: str | None = None
    """A refusal by the assistant in an earlier turn; excludes `content`."""


Messages = Annotated[list[ChatMessage], Meta(min_length=1)]

# ── tools ─────────────────────────────────────────────────────────────────────


class FunctionDefinition(Struct, frozen=True, kw_only=True):
    """A function that the model may call."""

    name: Annotated[Name, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of the arguments."""
    strict: bool | None = None


class ToolParam(Struct, frozen=True, kw_only=True):
    """A tool. Functions are the only supported kind."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


class FunctionName(Struct, frozen=True):
    """The name of a function."""

    name: Name


class NamedToolChoice(Struct, frozen=True, kw_only=True):
    """The one tool that the model must call."""

    type: Literal["function"] = "function"
    function: FunctionName


ToolChoice = Literal["none", "auto", "required"] | NamedToolChoice
