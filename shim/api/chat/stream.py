"""Makes the chunks of a streamed chat from the engine's items."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import UNSET, UnsetType

from backends.base import Delta as EngineDelta
from backends.base import (
    EngineExtras,
    Finish,
    Generated,
    PromptEcho,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from shim.api.generation.heading import Heading
from shim.api.generation.logprobs import logprobs
from shim.api.generation.protocol import Usage
from shim.api.generation.usage import usage

from .protocol import ChatChunk, ChunkChoice, Delta, FunctionPiece, ToolCallPiece


async def chunks(
    heading: Heading, items: AsyncGenerator[Generated, None], *, include_usage: bool
) -> AsyncGenerator[ChatChunk, None]:
    """Yield the chunks of *items*: of each choice its role, its deltas and its end.

    The usage comes last, if *include_usage*. Yields nothing before the engine's first item, so that
    an error at the start still sets the HTTP status. Raises Unfinished if *items* end without a
    `Finish`. Closing this generator closes *items*.
    """
    no_usage = None if include_usage else UNSET
    prompt_ids: list[int] | UnsetType = UNSET
    started: set[int] = set()
    finishes: list[Finish] = []
    async with aclosing(items):
        async for item in items:
            if isinstance(item, EngineExtras):
                prompt_ids = item.values.get("prompt_token_ids", UNSET)
                continue
            if isinstance(item, PromptEcho):
                raise TypeError("a conversation is not echoed")
            if item.index not in started:
                started.add(item.index)
                yield _chunk(heading, [_role(item.index)], no_usage, prompt_ids)
                prompt_ids = UNSET
            if isinstance(item, Finish):
                finishes.append(item)
            yield _chunk(heading, [_choice(item)], no_usage)
    total = usage(finishes)
    if include_usage:
        yield _chunk(heading, [], total)


def _chunk(
    heading: Heading,
    choices: list[ChunkChoice],
    usage: Usage | UnsetType | None,
    prompt_token_ids: list[int] | UnsetType = UNSET,
) -> ChatChunk:
    return ChatChunk(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        system_fingerprint=heading.fingerprint,
        choices=choices,
        usage=usage,
        prompt_token_ids=prompt_token_ids,
    )


def _role(index: int) -> ChunkChoice:
    return ChunkChoice(index=index, delta=Delta(role="assistant", content=""))


def _choice(item: EngineDelta | Finish) -> ChunkChoice:
    match item:
        case Finish():
            return ChunkChoice(
                index=item.index,
                delta=Delta(),
                finish_reason=item.reason,
                stop_reason=UNSET if item.stop_reason is None else item.stop_reason,
            )
        case TextDelta():
            return ChunkChoice(
                index=item.index,
                delta=Delta(content=item.text),
                logprobs=logprobs(item.logprobs),
                token_ids=list(item.token_ids) or UNSET,
            )
        case ReasoningDelta():
            delta = Delta(reasoning_content=item.text, reasoning=item.text)
            return ChunkChoice(index=item.index, delta=delta)
        case ToolCallDelta():
            return ChunkChoice(index=item.index, delta=Delta(tool_calls=[_tool_call(item)]))


def _tool_call(call: ToolCallDelta) -> ToolCallPiece:
    return ToolCallPiece(
        index=call.call,
        id=UNSET if call.id is None else call.id,
        type=UNSET if call.id is None else "function",
        function=FunctionPiece(
            name=UNSET if call.name is None else call.name, arguments=call.arguments
        ),
    )
