"""Makes the whole answer of a chat from the engine's items: pure functions."""

from collections.abc import Iterable, Sequence

from msgspec import UNSET, UnsetType

from backends.base import (
    EngineExtras,
    Finish,
    Generated,
    PromptEcho,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from backends.base import TokenLogprob as EngineLogprob
from shim.api.generation.heading import Heading
from shim.api.generation.logprobs import logprobs
from shim.api.generation.messages import CalledFunction
from shim.api.generation.usage import usage

from .protocol import AssistantMessage, ChatCompletion, Choice, MadeToolCall


def completion(heading: Heading, items: Iterable[Generated]) -> ChatCompletion:
    """Return the answer that the *items* of a finished generation make.

    Raises Unfinished if there is no `Finish` among them.
    """
    extras: EngineExtras = EngineExtras({})
    contents: dict[int, ChoiceContent] = {}
    finishes: list[Finish] = []
    for item in items:
        match item:
            case Finish():
                finishes.append(item)
            case EngineExtras():
                extras = item
            case PromptEcho():
                raise TypeError("a conversation is not echoed")
            case _:
                contents.setdefault(item.index, ChoiceContent()).add(item)
    finishes.sort(key=lambda finish: finish.index)
    return ChatCompletion(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        choices=[
            _choice(finish, contents.get(finish.index, ChoiceContent())) for finish in finishes
        ],
        usage=usage(finishes),
        system_fingerprint=heading.fingerprint,
        prompt_logprobs=extras.values.get("prompt_logprobs", UNSET),
        prompt_token_ids=extras.values.get("prompt_token_ids", UNSET),
    )


class ChoiceContent:
    """Collects the deltas of one choice: its text, its reasoning and its tool calls."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self.logprobs: list[EngineLogprob] = []
        self.token_ids: list[int] = []

    def add(self, delta: TextDelta | ReasoningDelta | ToolCallDelta) -> None:
        """Append *delta*."""
        match delta:
            case TextDelta():
                self._texts.append(delta.text)
                self.logprobs += delta.logprobs
                self.token_ids += delta.token_ids
            case ReasoningDelta():
                self._reasoning.append(delta.text)
            case ToolCallDelta():
                self._calls.setdefault(delta.call, []).append(delta)

    @property
    def text(self) -> str:
        """The text without reasoning and calls."""
        return "".join(self._texts)

    @property
    def reasoning(self) -> str:
        """The reasoning; empty if there was none."""
        return "".join(self._reasoning)

    def calls(self) -> list[MadeToolCall]:
        """Return the tool calls in the order of their numbers."""
        return [_call(self._calls[number]) for number in sorted(self._calls)]


def _call(deltas: Sequence[ToolCallDelta]) -> MadeToolCall:
    return MadeToolCall(
        id="".join(delta.id or "" for delta in deltas),
        function=CalledFunction(
            name="".join(delta.name or "" for delta in deltas),
            arguments="".join(delta.arguments for delta in deltas),
        ),
    )


def _choice(finish: Finish, content: ChoiceContent) -> Choice:
    calls = content.calls()
    reasoning: str | UnsetType = content.reasoning or UNSET
    return Choice(
        index=finish.index,
        message=AssistantMessage(
            content=(content.text or None) if calls else content.text,
            tool_calls=calls or UNSET,
            reasoning_content=reasoning,
            reasoning=reasoning,
        ),
        logprobs=logprobs(content.logprobs),
        finish_reason=finish.reason,
        stop_reason=UNSET if finish.stop_reason is None else finish.stop_reason,
        token_ids=content.token_ids or UNSET,
    )
