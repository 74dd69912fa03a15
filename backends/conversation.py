"""What a chat model is told: turns, the media in them, and the tools that it may call."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct


class Media(Struct, frozen=True):
    """An image, a recording or a film among the parts of a content."""

    kind: Literal["image", "audio", "video"]
    url: str
    """`data:`, `http:` or `https:`."""


Content = str | tuple[str | Media, ...]
"""What a message says: a text, or parts. Some chat templates write the two in different ways."""


def parts(content: Content) -> tuple[str | Media, ...]:
    """Return the parts of *content*. A text is one part: nothing reads it letter by letter."""
    return (content,) if isinstance(content, str) else content


class ToolCall(Struct, frozen=True, kw_only=True):
    """A call that the assistant made in an earlier turn."""

    id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""


class Message(Struct, frozen=True, kw_only=True):
    """One turn of a conversation, as chat templates take it."""

    role: str
    content: Content
    name: str | None = None
    reasoning: str | None = None
    """What the assistant thought before it answered."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """Which call a turn of the role `tool` answers."""


class Tool(Struct, frozen=True, kw_only=True):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of its arguments."""
    strict: bool | None = None
    """Whether the arguments must satisfy the schema; None: as the engine thinks best."""


class NamedTool(Struct, frozen=True):
    """The one tool that has to be called."""

    name: str


ToolChoice = Literal["none", "auto", "required"] | NamedTool


class Conversation(Struct, frozen=True):
    """Turns, which the model's chat template makes a prompt of."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    """Only counts where there are tools."""
    parallel_tool_calls: bool = True
    add_generation_prompt: bool = True
    """Whether the prompt ends where the assistant begins to speak."""
    continue_final_message: bool = False
    """Whether the last turn is left open, to be continued; excludes `add_generation_prompt`."""
    template_kwargs: Mapping[str, Any] = {}
    """Variables that this model's chat template knows beside the usual ones."""
