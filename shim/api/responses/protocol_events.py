"""The wire types of a streamed response: its events, nothing else."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from shim.api.generation.protocol import TokenLogprob
from shim.errors import ErrorBody

from .protocol import OutputItem, OutputText, ReasoningText, Response, SummaryText

EventName = Literal[
    # events of the response
    "response.created",
    "response.in_progress",
    "response.completed",
    "response.incomplete",
    # events of an item
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    # events of an item's text
    "response.output_text.delta",
    "response.output_text.done",
    "response.reasoning_text.delta",
    "response.reasoning_text.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
]


class Event(Struct, frozen=True, kw_only=True):
    """An event of a stream. Its type decides which fields it has."""

    type: EventName
    sequence_number: int
    """From 0, one more for each event."""
    response: Response | UnsetType = UNSET
    output_index: int | UnsetType = UNSET
    """The item's index in `Response.output`, from 0."""
    item_id: str | UnsetType = UNSET
    content_index: int | UnsetType = UNSET
    summary_index: int | UnsetType = UNSET
    item: OutputItem | UnsetType = UNSET
    part: OutputText | ReasoningText | SummaryText | UnsetType = UNSET
    delta: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    logprobs: list[TokenLogprob] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class ErrorEvent(Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """The last event of a stream that fails.

    OpenAI documents these fields at the top, but sends them within `error`, and its clients read
    them there. This event has them in both places.
    """

    sequence_number: int
    code: str | None
    message: str
    param: str | None
    error: ErrorBody
