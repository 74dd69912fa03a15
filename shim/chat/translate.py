"""Wire ↔ engine values for chat: pure functions, no I/O."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from msgspec import UNSET, UnsetType

from backends.base import (
    Candidate,
    Conversation,
    Finish,
    Generated,
    Generation,
    Message,
    PromptEcho,
    TextDelta,
)
from backends.base import TokenLogprob as EngineLogprob
from shim.errors import InvalidParameter, UnsupportedParameter
from shim.heading import LOWEST, Heading
from shim.sampling import to_sampling

from .protocol import (
    AssistantMessage,
    ChatChunk,
    ChatCompletion,
    ChatMessage,
    ChatRequest,
    Choice,
    ChunkChoice,
    Delta,
    Logprobs,
    RefusalPart,
    TokenLogprob,
    TopLogprob,
    Usage,
)
from .unsupported import refuse_unsupported

# ── wire → engine ─────────────────────────────────────────────────────────────


def to_generation(request: ChatRequest) -> Generation:
    """Translate *request*; raise InvalidParameter or UnsupportedParameter, naming the field."""
    refuse_unsupported(request)
    if request.top_logprobs is not None and not request.logprobs:
        raise InvalidParameter("`top_logprobs` needs `logprobs: true`.", param="top_logprobs")
    if request.stream_options is not None and not request.stream:
        raise InvalidParameter("`stream_options` needs `stream: true`.", param="stream_options")
    return Generation(
        prompt=Conversation(tuple(message(m, at) for at, m in enumerate(request.messages))),
        sampling=to_sampling(
            request,
            max_tokens=request.max_completion_tokens or request.max_tokens,
            top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        ),
    )


def message(sent: ChatMessage, at: int) -> Message:
    """Translate the message *at* its place; raise what is wrong with it, naming the place."""
    for name in ("tool_calls", "function_call", "audio"):
        if getattr(sent, name):
            raise UnsupportedParameter(
                f"`{name}` is not supported by this server.", param=f"messages[{at}].{name}"
            )
    return Message(role=sent.role, content=_content(sent, at), name=sent.name)


def _content(message: ChatMessage, at: int) -> str | tuple[str, ...]:
    match message.content:
        case str(text):
            return text
        case None if message.role == "assistant":
            return ""
        case None:
            raise InvalidParameter("A message needs a content.", param=f"messages[{at}].content")
        case parts:
            return tuple(p.refusal if isinstance(p, RefusalPart) else p.text for p in parts)


# ── engine → wire ─────────────────────────────────────────────────────────────


def completion(heading: Heading, items: Iterable[Generated]) -> ChatCompletion:
    """Fold the *items* of a finished generation into the whole answer."""
    texts: dict[int, list[TextDelta]] = {}
    finishes: list[Finish] = []
    for item in items:
        if isinstance(item, Finish):
            finishes.append(item)
        elif isinstance(item, TextDelta):
            texts.setdefault(item.index, []).append(item)
    finishes.sort(key=lambda finish: finish.index)
    return ChatCompletion(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        choices=[_choice(finish, texts.get(finish.index, [])) for finish in finishes],
        usage=_usage(finishes),
        system_fingerprint=heading.fingerprint,
    )


def _choice(finish: Finish, deltas: Sequence[TextDelta]) -> Choice:
    return Choice(
        index=finish.index,
        message=AssistantMessage(content="".join(delta.text for delta in deltas)),
        logprobs=_logprobs([token for delta in deltas for token in delta.logprobs]),
        finish_reason=finish.reason,
    )


async def chunks(
    heading: Heading, items: AsyncGenerator[Generated, None], *, include_usage: bool
) -> AsyncGenerator[ChatChunk, None]:
    """Turn *items* into chunks: for each choice its role, its text, its finish; then the usage.

    Nothing comes before the engine's first item, so that a refusal keeps its HTTP status.
    """
    usage = None if include_usage else UNSET
    begun: set[int] = set()
    finishes: list[Finish] = []
    async with aclosing(items):
        async for item in items:
            if isinstance(item, PromptEcho):
                raise TypeError("a conversation is not echoed")
            if item.index not in begun:
                begun.add(item.index)
                yield _chunk(heading, [_role(item.index)], usage)
            if isinstance(item, Finish):
                finishes.append(item)
            yield _chunk(heading, [_chunk_choice(item)], usage)
    if include_usage:
        yield _chunk(heading, [], _usage(finishes))


def _chunk(
    heading: Heading, choices: list[ChunkChoice], usage: Usage | UnsetType | None
) -> ChatChunk:
    return ChatChunk(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        system_fingerprint=heading.fingerprint,
        choices=choices,
        usage=usage,
    )


def _role(index: int) -> ChunkChoice:
    return ChunkChoice(index=index, delta=Delta(role="assistant", content=""))


def _chunk_choice(item: TextDelta | Finish) -> ChunkChoice:
    match item:
        case Finish():
            return ChunkChoice(index=item.index, delta=Delta(), finish_reason=item.reason)
        case TextDelta():
            return ChunkChoice(
                index=item.index,
                delta=Delta(content=item.text),
                logprobs=_logprobs(item.logprobs),
            )


def _usage(finishes: Sequence[Finish]) -> Usage:
    prompt = finishes[0].prompt_tokens
    completion = sum(finish.completion_tokens for finish in finishes)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
    )


def _logprobs(tokens: Sequence[EngineLogprob]) -> Logprobs | None:
    if not tokens:
        return None
    return Logprobs(
        content=[
            TokenLogprob(
                token=token.drawn.token,
                logprob=max(token.drawn.logprob, LOWEST),
                bytes=list(token.drawn.bytes),
                top_logprobs=[_top(candidate) for candidate in token.top],
            )
            for token in tokens
        ]
    )


def _top(candidate: Candidate) -> TopLogprob:
    return TopLogprob(
        token=candidate.token,
        logprob=max(candidate.logprob, LOWEST),
        bytes=list(candidate.bytes),
    )
