"""Translates a response's input items to messages: pure functions."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from backends.conversation import Media, Message, ToolCall
from shim.api.generation.conversation import audio_url
from shim.api.generation.messages import Audio, RefusalPart, Url
from shim.errors import InvalidParameter, UnsupportedParameter, invalid
from shim.parameters.refusals import refuse_unknown, refuse_unsupported

from .protocol_input import (
    AudioPart,
    CallItem,
    CallOutputItem,
    FilePart,
    ImagePart,
    Input,
    InputTextPart,
    Item,
    MessageItem,
    OutputTextPart,
    Part,
    ReasoningItem,
    ReferenceItem,
)

Content = str | tuple[str | Media, ...]

_CLOSED: frozenset[str] = frozenset()
_ALL = frozenset({"reasoning", "content", "tool_calls"})


class Turns:
    """Collects messages, and the path in the request that each of their fields comes from.

    Each item becomes one message, except the assistant's: its reasoning, text and calls that follow
    each other are one message.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.places: dict[str, str] = {}
        """The engine's name of each field of the messages → its path in the request."""
        self._open: frozenset[str] = _CLOSED
        """Fields of the last message that a later item may still set: only an assistant's."""
        self._reasoning: list[str] = []
        """Parts of the last message's reasoning, while the message is open."""
        self._calls: list[ToolCall] = []
        """Calls of the last message, while the message is open."""

    def add_message(self, role: str, content: Content, *, path: str) -> None:
        """Append a whole message, whose content is at *path* in the request."""
        self._append(Message(role=role, content=content), path=path)

    def add_item(self, item: Item, path: str) -> None:
        """Append *item*, which is at *path* in the request.

        Raises InvalidParameter or UnsupportedParameter, which names the field.
        """
        match item:
            case MessageItem(role="assistant"):
                self._add_text(_content(item.content, f"{path}.content"), path)
            case MessageItem():
                content = _content(item.content, f"{path}.content")
                self.add_message(item.role, content, path=f"{path}.content")
            case ReasoningItem():
                self._add_reasoning(_reasoning(item, path), path)
            case CallItem():
                call = ToolCall(id=item.call_id, name=item.name, arguments=item.arguments)
                self._add_call(call, path)
            case CallOutputItem():
                content = _content(item.output, f"{path}.output")
                answer = Message(role="tool", content=content, tool_call_id=item.call_id)
                self._append(answer, path=f"{path}.output")
            case ReferenceItem():
                raise UnsupportedParameter(
                    "`item_reference` is not supported: this server stores no items.", param=path
                )

    def _add_reasoning(self, reasoning: str, path: str) -> None:
        if not reasoning:
            return
        # Reasoning after text or a call starts a new assistant message.
        self._open_for("reasoning", path)
        self._reasoning.append(reasoning)

    def _add_text(self, content: Content, path: str) -> None:
        self._open_for("content", path)
        self._open -= {"reasoning", "content"}
        self._set_place("content", f"{path}.content")
        self.messages[-1] = replace(self.messages[-1], content=content)

    def _add_call(self, call: ToolCall, path: str) -> None:
        self._open_for("tool_calls", path)
        self._open -= {"reasoning"}
        if not self._calls:
            self._set_place("tool_calls", path)
        self._calls.append(call)

    def _open_for(self, field: str, path: str) -> None:
        """Append an assistant's message unless the last one is open for *field*."""
        if field not in self._open:
            self._append(Message(role="assistant", content=""), path=path)
            self._open = _ALL

    def _append(self, message: Message, *, path: str) -> None:
        self.close()
        self.messages.append(message)
        self._set_place("content", path)

    def close(self) -> None:
        """Set the collected reasoning and calls in the last message.

        Once, when the message is complete: copying it for each call would take quadratic time.
        """
        if self._reasoning or self._calls:
            reasoning = "\n".join(self._reasoning) or None
            self.messages[-1] = replace(
                self.messages[-1], reasoning=reasoning, tool_calls=tuple(self._calls)
            )
            self._reasoning, self._calls = [], []
        self._open = _CLOSED

    def _set_place(self, field: str, path: str) -> None:
        self.places[f"messages[{len(self.messages) - 1}].{field}"] = path


def to_turns(
    input_: str | Sequence[dict[str, Any]], instructions: str | None, *, strict: bool = False
) -> Turns:
    """Translate *instructions* and *input_* to messages, in this order.

    *strict* also refuses undocumented names. Raises InvalidParameter or UnsupportedParameter, which
    names the field.
    """
    turns = Turns()
    if instructions:
        turns.add_message("system", instructions, path="instructions")
    if isinstance(input_, str):
        turns.add_message("user", input_, path="input")
        return turns
    for index, item in enumerate(to_items(input_, strict=strict)):
        turns.add_item(item, f"input[{index}]")
    turns.close()
    return turns


def to_items(raw: Sequence[dict[str, Any]], *, strict: bool) -> list[Item]:
    """Return *raw* as items; an item without a type is a message.

    Raises InvalidParameter for an invalid item, UnsupportedParameter for a name that this server
    does not honour and, if *strict*, for an undocumented one.
    """
    typed = [item if item.get("type") else {**item, "type": "message"} for item in raw]
    # All items in one call: msgspec builds its table of the types anew for each call.
    parse = partial(msgspec.convert, {"input": typed})
    try:
        items: list[Item] = parse(Input).input
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    refuse_unsupported(parse, Input)
    if strict:
        refuse_unknown(parse, Input)
    return items


def _reasoning(item: ReasoningItem, path: str) -> str:
    if item.encrypted_content:
        raise UnsupportedParameter(
            "Encrypted reasoning is not supported: this server cannot decrypt it.",
            param=f"{path}.encrypted_content",
        )
    # Some clients send back only the summary.
    return "\n".join(part.text for part in item.content or item.summary or ())


def _content(content: str | Sequence[Part], path: str) -> Content:
    if isinstance(content, str):
        return content
    return tuple(_part(part, f"{path}[{index}]") for index, part in enumerate(content))


def _part(part: Part, path: str) -> str | Media:
    match part:
        case InputTextPart(text) | OutputTextPart(text) | RefusalPart(text):
            return text
        case ImagePart(image_url=str(url)):
            return Media("image", url)
        case AudioPart(input_audio=Audio() as audio, audio_url=None):
            return Media("audio", audio_url(audio))
        case AudioPart(input_audio=None, audio_url=(str(url) | Url(url))):
            return Media("audio", url)
        case FilePart(file_data=str(url)):
            return _file(url, path)
        case AudioPart():
            raise InvalidParameter(
                "A recording needs either `input_audio` or `audio_url`.", param=path
            )
        case ImagePart() | FilePart():
            raise UnsupportedParameter(
                "This server stores no files. Send an image as `image_url`, a recording or a video "
                "as `file_data`.",
                param=path,
            )


def _file(url: str, path: str) -> Media:
    """Return the image, recording or video in the `data:` URL *url*, by its media type.

    Raises UnsupportedParameter for any other file.
    """
    kind = url.removeprefix("data:").partition("/")[0]
    match kind:
        case "image" | "audio" | "video":
            return Media(kind, url)
        case _:
            raise UnsupportedParameter(
                "A file must be an image, a recording or a video, as a `data:` URL.",
                param=f"{path}.file_data",
            )
