"""Translates a conversation's fields on the wire to those of `Conversation`: pure functions."""

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


def to_messages(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Translate *messages*; raise InvalidParameter, which names the field, for an invalid one."""
    return tuple(_message(message, index) for index, message in enumerate(messages))


def to_tools(tools: Sequence[ToolParam] | None) -> tuple[Tool, ...]:
    """Translate *tools*; None becomes an empty tuple."""
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
    """Translate *choice*; null means `auto`.

    Raises InvalidParameter if *choice* requires a call and there are no *tools*. The engine checks
    that a named tool exists.
    """
    if choice is None or choice in ("auto", "none"):
        return choice or "auto"
    if not tools:
        raise InvalidParameter("`tool_choice` needs `tools`.", param="tool_choice")
    if isinstance(choice, NamedToolChoice):
        return NamedTool(choice.function.name)
    return choice


def adds_generation_prompt(*, add: bool | None, continues: bool | None) -> bool:
    """Return True if the template opens an answer: by default, unless the last message *continues*.

    *add* and *continues* are the request's `add_generation_prompt` and `continue_final_message`.
    Raises InvalidParameter if both are true.
    """
    if add and continues:
        raise InvalidParameter(
            "`continue_final_message` and `add_generation_prompt` exclude each other.",
            param="continue_final_message",
        )
    return not continues and add is not False


def _message(message: ChatMessage, index: int) -> Message:
    return Message(
        role=message.role,
        content=_content(message, index),
        name=message.name,
        reasoning=(
            message.reasoning if message.reasoning is not None else message.reasoning_content
        ),
        tool_calls=tuple(_call(call) for call in message.tool_calls or ()),
        tool_call_id=message.tool_call_id,
    )


def _content(message: ChatMessage, index: int) -> str | tuple[str | Media, ...]:
    if message.refusal and message.content:
        raise InvalidParameter(
            "A message cannot have both `content` and `refusal`.",
            param=f"messages[{index}].refusal",
        )
    match message.content:
        case str(text):
            return text
        case None if message.role == "assistant":
            return message.refusal or ""
        case None:
            raise InvalidParameter(
                "A message must have content.", param=f"messages[{index}].content"
            )
        case parts:
            return tuple(_part(part) for part in parts)


def _part(part: Part) -> str | Media:
    match part:
        case TextPart(text) | RefusalPart(text):
            return text
        case ImagePart(url):
            return Media("image", _url(url))
        case AudioPart(url):
            return Media("audio", _url(url))
        case VideoPart(url):
            return Media("video", _url(url))
        case InputAudioPart(audio):
            return Media("audio", audio_url(audio))


def audio_url(audio: Audio) -> str:
    """Return *audio* as a `data:` URL; its type is `audio/wav` if the request names no format."""
    if audio.data[:5].lower() == "data:":
        return audio.data
    return f"data:audio/{audio.format or 'wav'};base64,{audio.data}"


def _url(url: Url | str) -> str:
    return url if isinstance(url, str) else url.url


def _call(call: MessageToolCall) -> ToolCall:
    return ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
