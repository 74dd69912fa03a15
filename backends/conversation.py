"""The parts of a conversation: turns, the media in them, and the tools that a model may call."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct


class Media(Struct, frozen=True):
    """A part of a message's content that is an image, a recording or a video."""

    kind: Literal["image", "audio", "video"]
    url: str
    """A URL with the scheme `data`, `http` or `https`."""


Content = str | tuple[str | Media, ...]
"""Content of a message: a text or several parts; some chat templates render the two differently."""


def parts(content: Content) -> tuple[str | Media, ...]:
    """Return the parts of *content*. A text is one part: nothing reads it letter by letter."""
    return (content,) if isinstance(content, str) else content


class ToolCall(Struct, frozen=True, kw_only=True):
    """A tool call that the assistant made in an earlier turn."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it, valid or not."""


class Message(Struct, frozen=True, kw_only=True):
    """One turn of a conversation, as chat templates read it."""

    role: str
    content: Content
    name: str | None = None
    reasoning: str | None = None
    """The assistant's reasoning before this answer."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """The `id` of the call whose result this is, in a turn of the role `tool`."""


class Tool(Struct, frozen=True, kw_only=True):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of its arguments."""
    strict: bool | None = None
    """Whether the arguments must satisfy the schema; None: the engine's default."""


class NamedTool(Struct, frozen=True):
    """The choice of one tool, which the model has to call."""

    name: str


ToolChoice = Literal["none", "auto", "required"] | NamedTool


class Conversation(Struct, frozen=True):
    """A prompt in turns, which the model's chat template renders as text."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    """Whether the model may or must call a tool, and which one; has no effect without tools."""
    parallel_tool_calls: bool = True
    """Whether one answer may have several calls."""
    add_generation_prompt: bool = True
    """Whether the rendered text ends with the beginning of an assistant's turn."""
    continue_final_message: bool = False
    """Whether the model continues the last turn; excludes `add_generation_prompt`."""
    template_kwargs: Mapping[str, Any] = {}
    """Further variables for the model's chat template, as JSON values."""
