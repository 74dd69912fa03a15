"""Messages and tools of the wire → a Conversation of the seam: pure functions."""

from collections.abc import Sequence

from backends.conversation import Media, Message, NamedTool, Tool, ToolCall
from backends.conversation import ToolChoice as EngineToolChoice
from shim.errors import InvalidParameter

from .messages import (
    Audio,
    AudioPart,
    ChatMessage,
    ImagePart,
    InputAudioPart,
    MessageToolCall,
    NamedToolChoice,
    Part,
    RefusalPart,
    TextPart,
    ToolChoice,
    ToolParam,
    Url,
    VideoPart,
)


def to_messages(sent: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Translate *sent*; raise what is wrong with a message, naming its place."""
    return tuple(_message(message, at) for at, message in enumerate(sent))


def to_tools(tools: Sequence[ToolParam] | None) -> tuple[Tool, ...]:
    """Translate *tools*."""
    return tuple(
        Tool(
            name=tool.function.name,
            description=tool.function.description,
            parameters=tool.function.parameters,
            strict=tool.function.strict,
        )
        for tool in tools or ()
    )


def to_tool_choice(choice: ToolChoice | None, tools: Sequence[Tool]) -> EngineToolChoice:
    """Translate *choice*; null means `auto` where there are *tools*.

    Raises InvalidParameter for a choice among none, or of one that is not there.
    """
    if choice is None or choice in ("auto", "none"):
        return choice or "auto"
    if not tools:
        raise InvalidParameter("`tool_choice` needs `tools`.", param="tool_choice")
    if isinstance(choice, NamedToolChoice):
        return NamedTool(choice.function.name)
    return choice


def _message(sent: ChatMessage, at: int) -> Message:
    return Message(
        role=sent.role,
        content=_content(sent, at),
        name=sent.name,
        reasoning=sent.reasoning if sent.reasoning is not None else sent.reasoning_content,
        tool_calls=tuple(_call(call) for call in sent.tool_calls or ()),
        tool_call_id=sent.tool_call_id,
    )


def _content(message: ChatMessage, at: int) -> str | tuple[str | Media, ...]:
    if message.refusal and message.content:
        raise InvalidParameter(
            "A message has a content or a `refusal`.", param=f"messages[{at}].refusal"
        )
    match message.content:
        case str(text):
            return text
        case None if message.role == "assistant":
            return message.refusal or ""
        case None:
            raise InvalidParameter("A message needs a content.", param=f"messages[{at}].content")
        case parts:
            return tuple(_part(part) for part in parts)


def _part(part: Part) -> str | Media:
    match part:
        case TextPart(text) | RefusalPart(text):
            return text
        case ImagePart(found):
            return Media("image", _url(found))
        case AudioPart(found):
            return Media("audio", _url(found))
        case VideoPart(found):
            return Media("video", _url(found))
        case InputAudioPart(audio):
            return Media("audio", audio_url(audio))


def audio_url(audio: Audio) -> str:
    """Return *audio* as a `data:` URL."""
    if audio.data[:5].lower() == "data:":
        return audio.data
    return f"data:audio/{audio.format or 'wav'};base64,{audio.data}"


def _url(found: Url | str) -> str:
    return found if isinstance(found, str) else found.url


def _call(call: MessageToolCall) -> ToolCall:
    return ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
