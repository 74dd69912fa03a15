"""Engine values → output items, while they are written: one is open, those before it are done."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from backends.base import Delta, ReasoningDelta, TextDelta, TokenLogprob, ToolCallDelta
from shim.api.generation.logprobs import logprobs
from shim.api.generation.protocol import TokenLogprob as WireLogprob

from .protocol import (
    ItemStatus,
    OutputCall,
    OutputItem,
    OutputMessage,
    OutputReasoning,
    OutputText,
    ReasoningText,
    Response,
    SummaryText,
)

# Of an item in progress nothing is told but that it is there: its content follows, in pieces.


class WrittenText:
    """A message."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.logprobs: list[TokenLogprob] = []
        self._texts: list[str] = []

    def add(self, delta: TextDelta) -> None:
        """Take the next piece."""
        self._texts.append(delta.text)
        self.logprobs += delta.logprobs

    @property
    def part(self) -> OutputText:
        """What is said so far."""
        return OutputText(text="".join(self._texts), logprobs=content(self.logprobs))

    def item(self, status: ItemStatus) -> OutputMessage:
        """Return the item."""
        parts = [] if status == "in_progress" else [self.part]
        return OutputMessage(id=self.id, status=status, content=parts)


class WrittenReasoning:
    """What is thought before."""

    def __init__(self, id_: str, *, summary: bool) -> None:
        self.id = id_
        self._summary = summary
        self._texts: list[str] = []

    def add(self, delta: ReasoningDelta) -> None:
        """Take the next piece."""
        self._texts.append(delta.text)

    @property
    def part(self) -> ReasoningText:
        """What is thought so far."""
        return ReasoningText(text="".join(self._texts))

    @property
    def summary(self) -> list[SummaryText]:
        """The same, where the request wants a summary."""
        return [SummaryText(text=self.part.text)] if self._summary else []

    def item(self, status: ItemStatus) -> OutputReasoning:
        """Return the item."""
        if status == "in_progress":
            return OutputReasoning(id=self.id, status=status, summary=[], content=[])
        return OutputReasoning(id=self.id, status=status, summary=self.summary, content=[self.part])


class WrittenCall:
    """A call."""

    def __init__(self, id_: str, first: ToolCallDelta) -> None:
        self.id = id_
        self.name = first.name or ""
        self._call_id = first.id or ""
        self._arguments: list[str] = []

    def add(self, delta: ToolCallDelta) -> None:
        """Take the next piece."""
        self._arguments.append(delta.arguments)

    @property
    def arguments(self) -> str:
        """The JSON text so far."""
        return "".join(self._arguments)

    def item(self, status: ItemStatus) -> OutputCall:
        """Return the item."""
        return OutputCall(
            id=self.id,
            call_id=self._call_id,
            name=self.name,
            arguments="" if status == "in_progress" else self.arguments,
            status=status,
        )


Written = WrittenText | WrittenReasoning | WrittenCall


class Piece(NamedTuple):
    """What a delta has added to which item, and whether it has begun it."""

    delta: Delta
    written: Written
    first: bool


class Output:
    """All items of one answer, in the order in which they were begun."""

    def __init__(self, begun: Response) -> None:
        self._id = begun.id.removeprefix("resp_")
        reasoning = begun.reasoning
        self._summary = bool(reasoning.summary or reasoning.generate_summary)
        self._open: tuple[type[Delta], int] | None = None
        self._early: tuple[TokenLogprob, ...] = ()
        """Log probabilities from before the text that they are told with."""
        self._filled = False
        self.written: list[Written] = []

    def take(self, delta: Delta) -> Piece | None:
        """Write *delta*; None if it waits for the message's next text.

        Engines tell the log probabilities of what is no text (reasoning, calls, the end) on their
        own, and before it: as in chat, all of them stand with the text.
        """
        first = self._open != _kind(delta)
        if first and isinstance(delta, TextDelta):
            delta = replace(delta, logprobs=(*self._early, *delta.logprobs))
            self._early = () if delta.text else delta.logprobs
            if not delta.text:
                return None
        return self._write(delta, first=first)

    def end(self) -> Piece | None:
        """Write the empty text of an answer without text or calls: clients look for one."""
        if all(isinstance(item, WrittenReasoning) for item in self.written):
            self._filled = True
            empty = TextDelta(index=0, text="", logprobs=self._early)
            return self._write(empty, first=True)
        for item in self.written[::-1]:
            if isinstance(item, WrittenText):
                item.logprobs += self._early
                break
        return None

    def _write(self, delta: Delta, *, first: bool) -> Piece:
        if first:
            self._open = _kind(delta)
            self.written.append(self._begun(delta))
        written: Any = self.written[-1]  # of the delta's kind
        written.add(delta)
        return Piece(delta, written, first)

    def _begun(self, delta: Delta) -> Written:
        number = f"{self._id}{len(self.written):02x}"
        match delta:
            case TextDelta():
                return WrittenText(f"msg_{number}")
            case ReasoningDelta():
                return WrittenReasoning(f"rs_{number}", summary=self._summary)
            case ToolCallDelta():
                return WrittenCall(f"fc_{number}", delta)

    def items(self, last: ItemStatus) -> list[OutputItem]:
        """Return all items; the one at which the engine stopped has that *last* status.

        So has the empty text behind it.
        """
        stopped = len(self.written) - (2 if self._filled else 1)
        return [
            item.item("completed" if at < stopped else last) for at, item in enumerate(self.written)
        ]


def content(tokens: Sequence[TokenLogprob]) -> list[WireLogprob]:
    """Return the log probabilities of *tokens* as the wire has them."""
    told = logprobs(tokens)
    return told.content if told else []


def _kind(delta: Delta) -> tuple[type[Delta], int]:
    return type(delta), delta.call if isinstance(delta, ToolCallDelta) else 0
