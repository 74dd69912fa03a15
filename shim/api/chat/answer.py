"""Engine values → the whole answer of a chat: pure functions."""

from collections.abc import Iterable, Sequence

from msgspec import UNSET, UnsetType

from backends.base import (
    Extras,
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
from shim.api.generation.protocol import (
    CompletionTokensDetails,
    PromptTokensDetails,
    Usage,
)

from .protocol import AssistantMessage, ChatCompletion, Choice, MadeToolCall


def completion(heading: Heading, items: Iterable[Generated]) -> ChatCompletion:
    """Fold the *items* of a finished generation into the whole answer."""
    extras: Extras = Extras({})
    written: dict[int, Written] = {}
    finishes: list[Finish] = []
    for item in items:
        match item:
            case Finish():
                finishes.append(item)
            case Extras():
                extras = item
            case PromptEcho():
                raise TypeError("a conversation is not echoed")
            case _:
                written.setdefault(item.index, Written()).add(item)
    finishes.sort(key=lambda finish: finish.index)
    return ChatCompletion(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        choices=[_choice(finish, written.get(finish.index, Written())) for finish in finishes],
        usage=usage(finishes),
        system_fingerprint=heading.fingerprint,
        prompt_logprobs=extras.values.get("prompt_logprobs", UNSET),
        prompt_token_ids=extras.values.get("prompt_token_ids", UNSET),
    )


class Written:
    """What one choice has written so far, told apart."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self.logprobs: list[EngineLogprob] = []
        self.token_ids: list[int] = []

    def add(self, delta: TextDelta | ReasoningDelta | ToolCallDelta) -> None:
        """Take the next piece."""
        match delta:
            case TextDelta():
                self._texts.append(delta.text)
                self.logprobs += delta.logprobs
                self.token_ids += delta.token_ids
            case ReasoningDelta():
                self._thoughts.append(delta.text)
            case ToolCallDelta():
                self._calls.setdefault(delta.call, []).append(delta)

    @property
    def text(self) -> str:
        """The answer itself."""
        return "".join(self._texts)

    @property
    def reasoning(self) -> str:
        """What was thought before."""
        return "".join(self._thoughts)

    def calls(self) -> list[MadeToolCall]:
        """Return the calls in their order."""
        return [_call(self._calls[at]) for at in sorted(self._calls)]


def _call(pieces: Sequence[ToolCallDelta]) -> MadeToolCall:
    return MadeToolCall(
        id="".join(piece.id or "" for piece in pieces),
        function=CalledFunction(
            name="".join(piece.name or "" for piece in pieces),
            arguments="".join(piece.arguments for piece in pieces),
        ),
    )


def _choice(finish: Finish, written: Written) -> Choice:
    calls = written.calls()
    reasoning: str | UnsetType = written.reasoning or UNSET
    return Choice(
        index=finish.index,
        message=AssistantMessage(
            content=(written.text or None) if calls else written.text,
            tool_calls=calls or UNSET,
            reasoning_content=reasoning,
            reasoning=reasoning,
        ),
        logprobs=logprobs(written.logprobs),
        finish_reason=finish.reason,
        stop_reason=UNSET if finish.stop_reason is None else finish.stop_reason,
        token_ids=written.token_ids or UNSET,
    )


def usage(finishes: Sequence[Finish]) -> Usage:
    """Return the tokens of all choices; *finishes* are their ends, one at least."""
    prompt = finishes[0].prompt_tokens
    audio = finishes[0].audio_tokens
    completion = sum(finish.completion_tokens for finish in finishes)
    reasoning = [f.reasoning_tokens for f in finishes if f.reasoning_tokens is not None]
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        completion_tokens_details=(
            CompletionTokensDetails(reasoning_tokens=sum(reasoning)) if reasoning else UNSET
        ),
        prompt_tokens_details=UNSET if audio is None else PromptTokensDetails(audio_tokens=audio),
    )
