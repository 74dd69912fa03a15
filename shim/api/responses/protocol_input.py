"""The wire types of a response's input: items and their parts, nothing else."""

from typing import Literal

from msgspec import Struct

from shim.api.generation.messages import Audio, RefusalPart, Url

# ── parts of a content ────────────────────────────────────────────────────────


class InputTextPart(Struct, frozen=True, tag_field="type", tag="input_text"):
    """A text."""

    text: str


class OutputTextPart(Struct, frozen=True, tag_field="type", tag="output_text"):
    """Earlier assistant text. Its annotations and logprobs are ignored."""

    text: str


class ImagePart(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_image"):
    """An image at a URL. OpenAI's `detail` is ignored."""

    image_url: str | None = None
    file_id: str | None = None


class FilePart(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_file"):
    """A file. Only `file_data` is supported."""

    file_data: str | None = None
    """A `data:` URL."""
    file_id: str | None = None
    file_url: str | None = None


class AudioPart(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_audio"):
    """A recording: `input_audio` as in chat, or a URL."""

    input_audio: Audio | None = None
    audio_url: Url | str | None = None


Part = InputTextPart | OutputTextPart | RefusalPart | ImagePart | FilePart | AudioPart

# ── items ─────────────────────────────────────────────────────────────────────


class MessageItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """A message. The assistant's is joined with its reasoning and calls (`conversation.py`)."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]


class Thought(Struct, frozen=True):
    """A part of a reasoning item, or of its summary."""

    text: str


class ReasoningItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """The assistant's reasoning before the items that follow."""

    content: list[Thought] | None = None
    summary: list[Thought] | None = None
    encrypted_content: str | None = None


class CallItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """A tool call by the assistant."""

    call_id: str
    name: str
    arguments: str


class CallOutputItem(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call_output"
):
    """The result of a tool call."""

    call_id: str
    output: str | list[Part]


class ReferenceItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="item_reference"):
    """A reference to an item that OpenAI stores. It is always refused here."""

    id: str


Item = MessageItem | ReasoningItem | CallItem | CallOutputItem | ReferenceItem


class Input(Struct, frozen=True):
    """All items of a request."""

    input: list[Item]
