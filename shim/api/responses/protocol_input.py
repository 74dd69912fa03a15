"""The wire of what a response is given: items, their parts; nothing else."""

from typing import Literal

from msgspec import Struct

from shim.api.generation.messages import Audio, RefusalPart, Url

# ── parts of a content ────────────────────────────────────────────────────────


class InputTextPart(Struct, frozen=True, tag_field="type", tag="input_text"):
    """A text."""

    text: str


class OutputTextPart(Struct, frozen=True, tag_field="type", tag="output_text"):
    """A text of the assistant's; what an earlier answer told of it beside is not read."""

    text: str


class ImagePart(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_image"):
    """An image; its `detail` is OpenAI's affair."""

    image_url: str | None = None
    file_id: str | None = None


class FilePart(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_file"):
    """A file: `file_data` is a `data:` URL."""

    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None


class AudioPart(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_audio"):
    """A recording: in base64 as in chat, or as a URL."""

    input_audio: Audio | None = None
    audio_url: Url | str | None = None


Part = InputTextPart | OutputTextPart | RefusalPart | ImagePart | FilePart | AudioPart

# ── items ─────────────────────────────────────────────────────────────────────


class MessageItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """A turn, or the part of the assistant's that is said."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]


class Thought(Struct, frozen=True):
    """A piece of reasoning, or of its summary."""

    text: str


class ReasoningItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """What the assistant thought before the items that follow."""

    content: list[Thought] | None = None
    summary: list[Thought] | None = None
    encrypted_content: str | None = None


class CallItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """A call that the assistant made."""

    call_id: str
    name: str
    arguments: str


class CallOutputItem(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call_output"
):
    """What came of a call."""

    call_id: str
    output: str | list[Part]


class ReferenceItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="item_reference"):
    """An item that OpenAI has kept."""

    id: str


Item = MessageItem | ReasoningItem | CallItem | CallOutputItem | ReferenceItem


class Input(Struct, frozen=True):
    """All of them."""

    input: list[Item]
