"""Input items of the wire → Messages of the seam: pure functions."""

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

_NOTHING: frozenset[str] = frozenset()
_ALL = frozenset({"reasoning", "content", "tool_calls"})


class Turns:
    """Messages, and where in the request each of their fields came from.

    An item is a turn, but for the assistant's: what it thought, said and called, one after the
    other, are one message.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.places: dict[str, str] = {}
        """The seam's names of the messages' fields, and the request's."""
        self._open: frozenset[str] = _NOTHING
        """Which fields the next item may still give the last message: only an assistant's."""
        self._thoughts: list[str] = []
        """The last message's reasoning, if it is open; one text in the end."""
        self._calls: list[ToolCall] = []
        """The last message's calls, if it is open."""

    def say(self, role: str, content: Content, *, place: str) -> None:
        """Take a turn that is whole, with its content's *place*."""
        self._append(Message(role=role, content=content), content=place)

    def take(self, item: Item, place: str) -> None:
        """Take the next item, which stands at *place*; raise what is wrong with it."""
        match item:
            case MessageItem(role="assistant"):
                self._assistant_said(_content(item.content, f"{place}.content"), place)
            case MessageItem():
                at = f"{place}.content"
                self.say(item.role, _content(item.content, at), place=at)
            case ReasoningItem():
                self._assistant_thought(_thoughts(item, place), place)
            case CallItem():
                call = ToolCall(id=item.call_id, name=item.name, arguments=item.arguments)
                self._assistant_called(call, place)
            case CallOutputItem():
                at = f"{place}.output"
                content = _content(item.output, at)
                answer = Message(role="tool", content=content, tool_call_id=item.call_id)
                self._append(answer, content=at)
            case ReferenceItem():
                raise UnsupportedParameter(
                    "Nothing is kept here that `item_reference` could refer to.", param=place
                )

    def _assistant_thought(self, reasoning: str, place: str) -> None:
        if not reasoning:
            return
        # After anything else a thought belongs to what follows.
        self._open_for("reasoning", place)
        self._thoughts.append(reasoning)

    def _assistant_said(self, content: Content, place: str) -> None:
        self._open_for("content", place)
        self._open -= {"reasoning", "content"}
        self._name("content", f"{place}.content")
        self.messages[-1] = replace(self.messages[-1], content=content)

    def _assistant_called(self, call: ToolCall, place: str) -> None:
        self._open_for("tool_calls", place)
        self._open -= {"reasoning"}
        if not self._calls:
            self._name("tool_calls", place)
        self._calls.append(call)

    def _open_for(self, field: str, place: str) -> None:
        """Have the last message be an assistant's that may still be given *field*."""
        if field not in self._open:
            self._append(Message(role="assistant", content=""), content=place)
            self._open = _ALL

    def _append(self, message: Message, *, content: str) -> None:
        self.close()
        self.messages.append(message)
        self._name("content", content)

    def close(self) -> None:
        """Write what the assistant thought and called into the last message.

        Once, when it is complete: to copy the message for each call would be quadratic.
        """
        if self._thoughts or self._calls:
            reasoning = "\n".join(self._thoughts) or None
            self.messages[-1] = replace(
                self.messages[-1], reasoning=reasoning, tool_calls=tuple(self._calls)
            )
            self._thoughts, self._calls = [], []
        self._open = _NOTHING

    def _name(self, field: str, place: str) -> None:
        self.places[f"messages[{len(self.messages) - 1}].{field}"] = place


def to_turns(
    input_: str | Sequence[dict[str, Any]], instructions: str | None, *, strict: bool = False
) -> Turns:
    """Translate *input_* and the *instructions* before it; raise what is wrong with an item.

    *strict* also refuses names that nobody documents.
    """
    turns = Turns()
    if instructions:
        turns.say("system", instructions, place="instructions")
    if isinstance(input_, str):
        turns.say("user", input_, place="input")
        return turns
    for at, item in enumerate(to_items(input_, strict=strict)):
        turns.take(item, f"input[{at}]")
    turns.close()
    return turns


def to_items(raw: Sequence[dict[str, Any]], *, strict: bool) -> list[Item]:
    """Read *raw*; an item without a type is a message.

    All at once: for each call msgspec makes its table of the types anew.
    """
    typed = [item if item.get("type") else {**item, "type": "message"} for item in raw]
    parse = partial(msgspec.convert, {"input": typed})
    try:
        items: list[Item] = parse(Input).input
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    refuse_unsupported(parse, Input)
    if strict:
        refuse_unknown(parse, Input)
    return items


def _thoughts(item: ReasoningItem, place: str) -> str:
    if item.encrypted_content:
        raise UnsupportedParameter(
            "Encrypted reasoning is another server's: this one gives none, and cannot read it.",
            param=f"{place}.encrypted_content",
        )
    # A summary is what clients keep of reasoning whose text they were not to see.
    return "\n".join(thought.text for thought in item.content or item.summary or ())


def _content(content: str | Sequence[Part], place: str) -> Content:
    if isinstance(content, str):
        return content
    return tuple(_part(part, f"{place}[{at}]") for at, part in enumerate(content))


def _part(part: Part, place: str) -> str | Media:
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
            return _file(url, place)
        case AudioPart():
            raise InvalidParameter(
                "A recording is an `input_audio` or an `audio_url`.", param=place
            )
        case ImagePart() | FilePart():
            raise UnsupportedParameter(
                "No files are kept here: send an image as `image_url`, a recording or a film as "
                "`file_data`.",
                param=place,
            )


def _file(url: str, place: str) -> Media:
    """Return the medium in a `data:` URL, by its type."""
    kind = url.removeprefix("data:").partition("/")[0]
    match kind:
        case "image" | "audio" | "video":
            return Media(kind, url)
        case _:
            raise UnsupportedParameter(
                "Of files only images, recordings and films are read, as `data:` URLs.",
                param=f"{place}.file_data",
            )
