"""Makes the events of a streamed response from the engine's items, and frames them."""

import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from itertools import count
from typing import Any

import msgspec

from backends.base import (
    Delta,
    EngineExtras,
    Finish,
    Generated,
    PromptEcho,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from shim.api.generation.usage import Unfinished
from shim.errors import ErrorBody, describe
from shim.serving.request_record import failed

from .answer import final_response, status_of
from .output import (
    Addition,
    CallBuilder,
    ItemBuilder,
    MessageBuilder,
    Output,
    ReasoningBuilder,
    wire_logprobs,
)
from .protocol import ItemStatus, OutputText, ReasoningText, Response, SummaryText
from .protocol_events import ErrorEvent, Event, EventName

_encode = msgspec.json.Encoder().encode

ItemEvent = tuple[EventName, dict[str, Any]]
"""An event of an item: its name, and its fields except its number and `output_index`."""


async def events(
    initial: Response, items: AsyncGenerator[Generated, None]
) -> AsyncGenerator[Event, None]:
    """Yield the events of *items*: the response's start, its items in order, its end.

    Yields nothing before the engine's first item, so that an error at the start still sets the HTTP
    status. Raises Unfinished if *items* end without a `Finish`. Closing this generator closes
    *items*.
    """
    builder = _EventBuilder(initial)
    async with aclosing(items):
        async for item in items:
            for event in builder.events(item):
                yield event
    if not builder.finished:
        raise Unfinished


class _EventBuilder:
    """Makes the events of one response: numbers them, and keeps its output so far."""

    def __init__(self, initial: Response) -> None:
        self._initial = initial
        self._numbers = count()
        self._output = Output(initial)
        self._started = False
        self.finished = False

    def events(self, item: Generated) -> Iterator[Event]:
        """Yield the events that *item* causes, none or several."""
        if not self._started:
            self._started = True
            yield self._event("response.created", response=self._initial)
            yield self._event("response.in_progress", response=self._initial)
        match item:
            case Finish():
                yield from self._end(item)
                self.finished = True
            case EngineExtras() | PromptEcho():
                raise TypeError(f"a response has no {type(item).__name__}")
            case _:
                yield from self._added(self._output.add(item))

    def _end(self, finish: Finish) -> Iterator[Event]:
        status = status_of(finish)
        yield from self._added(self._output.end(), before=status)
        yield from self._of_item(-1, _item_done(self._output.builders[-1], status))
        final = final_response(self._initial, self._output, finish)
        completed = status == "completed"
        name: EventName = "response.completed" if completed else "response.incomplete"
        yield self._event(name, response=final)

    def _added(
        self, addition: Addition | None, *, before: ItemStatus = "completed"
    ) -> Iterator[Event]:
        """Yield the events of *addition*.

        If it begins an item, the previous item ends first, with the status *before*.
        """
        if addition is None:
            return
        if addition.first:
            for done in self._output.builders[-2:-1]:
                yield from self._of_item(-2, _item_done(done, before))
            yield from self._of_item(-1, _item_added(addition.builder))
        yield from self._of_item(-1, _delta(addition.delta, addition.builder.id))

    def _of_item(self, position: int, item_events: Iterable[ItemEvent]) -> Iterator[Event]:
        """Yield *item_events* of the item at *position*, which counts from the end: -1 or -2."""
        index = len(self._output.builders) + position
        for name, fields in item_events:
            yield self._event(name, output_index=index, **fields)

    def _event(self, name: EventName, /, **fields: Any) -> Event:
        return Event(type=name, sequence_number=next(self._numbers), **fields)


def _item_added(builder: ItemBuilder) -> Iterator[ItemEvent]:
    yield "response.output_item.added", {"item": builder.item("in_progress")}
    if not isinstance(builder, CallBuilder):
        is_message = isinstance(builder, MessageBuilder)
        part = OutputText(text="") if is_message else ReasoningText(text="")
        yield "response.content_part.added", {**_content(builder.id), "part": part}


def _delta(delta: Delta, item_id: str) -> Iterator[ItemEvent]:
    match delta:
        case TextDelta():
            fields = {"delta": delta.text, "logprobs": wire_logprobs(delta.logprobs)}
            yield "response.output_text.delta", {**_content(item_id), **fields}
        case ReasoningDelta():
            yield "response.reasoning_text.delta", {**_content(item_id), "delta": delta.text}
        case ToolCallDelta() if delta.arguments:
            fields = {"item_id": item_id, "delta": delta.arguments}
            yield "response.function_call_arguments.delta", fields


def _item_done(builder: ItemBuilder, status: ItemStatus) -> Iterator[ItemEvent]:
    match builder:
        case MessageBuilder(id=item_id, part=part):
            fields = {"text": part.text, "logprobs": part.logprobs}
            yield "response.output_text.done", {**_content(item_id), **fields}
            yield "response.content_part.done", {**_content(item_id), "part": part}
        case ReasoningBuilder(id=item_id, part=part):
            yield "response.reasoning_text.done", {**_content(item_id), "text": part.text}
            yield "response.content_part.done", {**_content(item_id), "part": part}
            for summary in builder.summary:
                yield from _summary(summary, {"item_id": item_id, "summary_index": 0})
        case CallBuilder():
            fields = {"name": builder.name, "arguments": builder.arguments}
            yield "response.function_call_arguments.done", {"item_id": builder.id, **fields}
    yield "response.output_item.done", {"item": builder.item(status)}


def _summary(part: SummaryText, position: dict[str, Any]) -> Iterator[ItemEvent]:
    """Yield all events of a summary at once: it repeats the reasoning, which has to end first."""
    empty = SummaryText(text="")
    yield "response.reasoning_summary_part.added", {**position, "part": empty}
    yield "response.reasoning_summary_text.delta", {**position, "delta": part.text}
    yield "response.reasoning_summary_text.done", {**position, "text": part.text}
    yield "response.reasoning_summary_part.done", {**position, "part": part}


def _content(item_id: str) -> dict[str, Any]:
    # Every item has one part.
    return {"item_id": item_id, "content_index": 0}


# ── frames ────────────────────────────────────────────────────────────────────


async def framed(events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    """Yield *events* as server-sent events in OpenAI's form for responses: named, without `[DONE]`.

    An exception of *events* becomes the last event, `error`.
    """
    number = 0
    async with aclosing(events):
        try:
            async for event in events:
                number = event.sequence_number + 1
                yield _frame(event.type, event)
        # A request ends here: the status has been sent, so the error has to go into the body.
        except Exception as error:  # noqa: BLE001
            failed(error)
            _, body = describe(error)
            yield _frame("error", _error_event(number, body))


_NUMBER = re.compile(rb'"sequence_number":\s*(\d+)')


def last_event(error: ErrorBody, before: bytes) -> bytes:
    """Return the event `error` for a stream of another server, whose events *before* came last."""
    numbers = _NUMBER.findall(before)
    number = int(numbers[-1]) + 1 if numbers else 0
    return _frame("error", _error_event(number, error))


def _error_event(number: int, body: ErrorBody) -> ErrorEvent:
    return ErrorEvent(
        sequence_number=number,
        code=body.code,
        message=body.message,
        param=body.param,
        error=body,
    )


def _frame(name: str, event: Event | ErrorEvent) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(event))
