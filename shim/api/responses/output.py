"""Collects the engine's deltas into output items: the last item is open, the others are done."""

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

# An `in_progress` item is sent empty; its content follows in delta events.


class MessageBuilder:
    """Collects the text of a message."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.logprobs: list[TokenLogprob] = []
        self._texts: list[str] = []

    def add(self, delta: TextDelta) -> None:
        """Append *delta*."""
        self._texts.append(delta.text)
        self.logprobs += delta.logprobs

    @property
    def part(self) -> OutputText:
        """The text so far, with its log probabilities."""
        return OutputText(text="".join(self._texts), logprobs=wire_logprobs(self.logprobs))

    def item(self, status: ItemStatus) -> OutputMessage:
        """Return the message with this *status*."""
        parts = [] if status == "in_progress" else [self.part]
        return OutputMessage(id=self.id, status=status, content=parts)


class ReasoningBuilder:
    """Collects reasoning."""

    def __init__(self, id_: str, *, summary: bool) -> None:
        self.id = id_
        self._summary = summary
        self._texts: list[str] = []

    def add(self, delta: ReasoningDelta) -> None:
        """Append *delta*."""
        self._texts.append(delta.text)

    @property
    def part(self) -> ReasoningText:
        """The reasoning so far."""
        return ReasoningText(text="".join(self._texts))

    @property
    def summary(self) -> list[SummaryText]:
        """The whole reasoning as its own summary; empty unless the request sets a summary."""
        return [SummaryText(text=self.part.text)] if self._summary else []

    def item(self, status: ItemStatus) -> OutputReasoning:
        """Return the reasoning item with this *status*."""
        if status == "in_progress":
            return OutputReasoning(id=self.id, status=status, summary=[], content=[])
        return OutputReasoning(id=self.id, status=status, summary=self.summary, content=[self.part])


class CallBuilder:
    """Collects the arguments of a tool call."""

    def __init__(self, id_: str, first: ToolCallDelta) -> None:
        self.id = id_
        self.name = first.name or ""
        self._call_id = first.id or ""
        self._arguments: list[str] = []

    def add(self, delta: ToolCallDelta) -> None:
        """Append *delta*."""
        self._arguments.append(delta.arguments)

    @property
    def arguments(self) -> str:
        """The JSON text so far."""
        return "".join(self._arguments)

    def item(self, status: ItemStatus) -> OutputCall:
        """Return the call with this *status*."""
        return OutputCall(
            id=self.id,
            call_id=self._call_id,
            name=self.name,
            arguments="" if status == "in_progress" else self.arguments,
            status=status,
        )


ItemBuilder = MessageBuilder | ReasoningBuilder | CallBuilder


class Addition(NamedTuple):
    """A delta and the builder that collected it."""

    delta: Delta
    builder: ItemBuilder
    first: bool
    """Whether the item begins with this delta."""


class Output:
    """Collects all items of one response, in the order in which they begin."""

    def __init__(self, initial: Response) -> None:
        self._id = initial.id.removeprefix("resp_")
        reasoning = initial.reasoning
        self._summary = bool(reasoning.summary or reasoning.generate_summary)
        self._open: tuple[type[Delta], int] | None = None
        self._early: tuple[TokenLogprob, ...] = ()
        """Log probabilities that wait for the next text."""
        self._filled = False
        """Whether `end` has added an empty message."""
        self.builders: list[ItemBuilder] = []

    def add(self, delta: Delta) -> Addition | None:
        """Append *delta* to its item and return the addition; None if it waits for the next text.

        Engines send the log probabilities of non-text tokens (reasoning, calls, end of text) in a
        delta of their own, with an empty text. They are attached to the next text.
        """
        first = self._open != _kind(delta)
        if first and isinstance(delta, TextDelta):
            delta = replace(delta, logprobs=(*self._early, *delta.logprobs))
            self._early = () if delta.text else delta.logprobs
            if not delta.text:
                return None
        return self._append(delta, first=first)

    def end(self) -> Addition | None:
        """Attach the log probabilities that wait to the last text; call it after the last delta.

        Clients expect a message: an output without text and calls gets an empty one, and that
        addition is returned, else None.
        """
        if all(isinstance(builder, ReasoningBuilder) for builder in self.builders):
            self._filled = True
            empty = TextDelta(index=0, text="", logprobs=self._early)
            return self._append(empty, first=True)
        for builder in self.builders[::-1]:
            if isinstance(builder, MessageBuilder):
                builder.logprobs += self._early
                break
        return None

    def _append(self, delta: Delta, *, first: bool) -> Addition:
        if first:
            self._open = _kind(delta)
            self.builders.append(self._new_builder(delta))
        builder: Any = self.builders[-1]  # of the delta's kind
        builder.add(delta)
        return Addition(delta, builder, first)

    def _new_builder(self, delta: Delta) -> ItemBuilder:
        number = f"{self._id}{len(self.builders):02x}"
        match delta:
            case TextDelta():
                return MessageBuilder(f"msg_{number}")
            case ReasoningDelta():
                return ReasoningBuilder(f"rs_{number}", summary=self._summary)
            case ToolCallDelta():
                return CallBuilder(f"fc_{number}", delta)

    def items(self, last: ItemStatus) -> list[OutputItem]:
        """Return all items: those before the last are completed, the last has the status *last*.

        If `end` has added an empty message, it and the item before it both have that status.
        """
        stopped = len(self.builders) - (2 if self._filled else 1)
        return [
            builder.item("completed" if index < stopped else last)
            for index, builder in enumerate(self.builders)
        ]


def wire_logprobs(tokens: Sequence[TokenLogprob]) -> list[WireLogprob]:
    """Return the log probabilities of *tokens* in the wire's form, an entry for each token."""
    entries = logprobs(tokens)
    return entries.content if entries else []


def _kind(delta: Delta) -> tuple[type[Delta], int]:
    """Return what the deltas of one item have in common: their type and the call's number."""
    return type(delta), delta.call if isinstance(delta, ToolCallDelta) else 0
