"""Engine values → the events of a streamed response, and their frames."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from itertools import count
from typing import Any

import msgspec

from backends.base import (
    Delta,
    Extras,
    Finish,
    Generated,
    PromptEcho,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from shim.errors import ErrorBody, describe

from .answer import ended, status_of
from .output import Output, Piece, Written, WrittenCall, WrittenReasoning, WrittenText, content
from .protocol import ItemStatus, OutputText, ReasoningText, Response, SummaryText
from .protocol_events import ErrorEvent, Event, Name

_encode = msgspec.json.Encoder().encode

Happening = tuple[Name, dict[str, Any]]
"""An event, but for its number and its item's."""


async def events(
    begun: Response, items: AsyncGenerator[Generated, None]
) -> AsyncGenerator[Event, None]:
    """Turn *items* into events: the response, its items one after the other, the response's end.

    Nothing comes before the engine's first item, so that a refusal keeps its HTTP status.
    """
    telling = _Telling(begun)
    async with aclosing(items):
        async for item in items:
            for event in telling.take(item):
                yield event


class _Telling:
    """What has been told so far: events are numbered, and so are the items in them."""

    def __init__(self, begun: Response) -> None:
        self._begun = begun
        self._numbers = count()
        self._output = Output(begun)
        self._silent = True

    def take(self, item: Generated) -> Iterator[Event]:
        """Yield what *item* brings about."""
        if self._silent:
            self._silent = False
            yield self._event("response.created", response=self._begun)
            yield self._event("response.in_progress", response=self._begun)
        match item:
            case Finish():
                yield from self._ends(item)
            case Extras() | PromptEcho():
                raise TypeError(f"a response has no {type(item).__name__}")
            case _:
                yield from self._wrote(self._output.take(item))

    def _ends(self, finish: Finish) -> Iterator[Event]:
        status = status_of(finish)
        yield from self._wrote(self._output.end(), before=status)
        yield from self._happened(-1, _done(self._output.written[-1], status))
        whole = ended(self._begun, self._output, finish)
        completed = status == "completed"
        name: Name = "response.completed" if completed else "response.incomplete"
        yield self._event(name, response=whole)

    def _wrote(self, piece: Piece | None, *, before: ItemStatus = "completed") -> Iterator[Event]:
        """Yield what *piece* brings; an item that it begins ends the one *before*."""
        if piece is None:
            return
        if piece.first:
            for done in self._output.written[-2:-1]:
                yield from self._happened(-2, _done(done, before))
            yield from self._happened(-1, _added(piece.written))
        yield from self._happened(-1, _piece(piece.delta, piece.written.id))

    def _happened(self, at: int, what: Iterable[Happening]) -> Iterator[Event]:
        """Yield *what* has happened to the item *at* that place, from the end."""
        index = len(self._output.written) + at
        for name, fields in what:
            yield self._event(name, output_index=index, **fields)

    def _event(self, name: Name, /, **fields: Any) -> Event:
        return Event(type=name, sequence_number=next(self._numbers), **fields)


def _added(written: Written) -> Iterator[Happening]:
    yield "response.output_item.added", {"item": written.item("in_progress")}
    if not isinstance(written, WrittenCall):
        part = OutputText(text="") if isinstance(written, WrittenText) else ReasoningText(text="")
        yield "response.content_part.added", {**_content(written.id), "part": part}


def _piece(delta: Delta, item_id: str) -> Iterator[Happening]:
    match delta:
        case TextDelta():
            told = {"delta": delta.text, "logprobs": content(delta.logprobs)}
            yield "response.output_text.delta", {**_content(item_id), **told}
        case ReasoningDelta():
            yield "response.reasoning_text.delta", {**_content(item_id), "delta": delta.text}
        case ToolCallDelta() if delta.arguments:
            told = {"item_id": item_id, "delta": delta.arguments}
            yield "response.function_call_arguments.delta", told


def _done(written: Written, status: ItemStatus) -> Iterator[Happening]:
    match written:
        case WrittenText():
            part = written.part
            told = {"text": part.text, "logprobs": part.logprobs}
            yield "response.output_text.done", {**_content(written.id), **told}
            yield "response.content_part.done", {**_content(written.id), "part": part}
        case WrittenReasoning():
            thought = written.part
            yield "response.reasoning_text.done", {**_content(written.id), "text": thought.text}
            yield "response.content_part.done", {**_content(written.id), "part": thought}
            for summary in written.summary:
                yield from _summarised(summary, {"item_id": written.id, "summary_index": 0})
        case WrittenCall():
            told = {"name": written.name, "arguments": written.arguments}
            yield "response.function_call_arguments.done", {"item_id": written.id, **told}
    yield "response.output_item.done", {"item": written.item(status)}


def _summarised(part: SummaryText, where: dict[str, Any]) -> Iterator[Happening]:
    """Tell a summary at once: only when all is thought does it stand beside the thoughts."""
    empty = SummaryText(text="")
    yield "response.reasoning_summary_part.added", {**where, "part": empty}
    yield "response.reasoning_summary_text.delta", {**where, "delta": part.text}
    yield "response.reasoning_summary_text.done", {**where, "text": part.text}
    yield "response.reasoning_summary_part.done", {**where, "part": part}


def _content(item_id: str) -> dict[str, Any]:
    # Every item has one part.
    return {"item_id": item_id, "content_index": 0}


# ── frames ────────────────────────────────────────────────────────────────────


async def framed(events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    """Frame *events* as OpenAI does those of responses: each by its name, without `[DONE]`.

    A failure on the way becomes the last event.
    """
    number = 0
    async with aclosing(events):
        try:
            async for event in events:
                number = event.sequence_number + 1
                yield _frame(event.type, event)
        # A request ends here: its status is spent, so that the failure has to go in the body.
        except Exception as error:  # noqa: BLE001
            _, body = describe(error)
            yield _frame("error", _failed(number, body))


def _failed(number: int, body: ErrorBody) -> ErrorEvent:
    return ErrorEvent(
        sequence_number=number,
        code=body.code,
        message=body.message,
        param=body.param,
        error=body,
    )


def _frame(name: str, event: Event | ErrorEvent) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(event))
