"""Reads the bytes of a whole event stream: its events, and whether it ended as it has to."""

from typing import TypeVar

from evals.verify.reply import Reply, decoded
from evals.verify.shapes import Chat, ChatChoice, Chunk, Logprobs, Message, Usage
from evals.verify.verdict import Breach, Findings

T = TypeVar("T")

STREAM = "text/event-stream"
DONE = "[DONE]"


def events(reply: Reply) -> list[str]:
    """Return the data of each event of *reply*. Raises NotChecked, and Breach for no stream."""
    body = reply.body()
    if reply.media_type != STREAM:
        got = f"{reply.media_type}: {reply.text}"
        raise Breach(reply.request, expected=f"a stream ({STREAM})", got=got)
    lines = body.decode(errors="replace").replace("\r\n", "\n").split("\n\n")
    found = ("\n".join(_data(event)) for event in lines)
    return [data for data in found if data]


def _data(event: str) -> list[str]:
    lines = event.split("\n")
    return [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]


def read(reply: Reply, shape: type[T]) -> list[T]:
    """Return the events of *reply* before `[DONE]` as *shape*. Raises NotChecked and Breach."""
    found = [data for data in events(reply) if data != DONE]
    return [decoded(data, shape, request=reply.request) for data in found]


def check_end(found: Findings, reply: Reply, reason: str | None) -> None:
    """Compare the end of the stream *reply*: a finish_reason, *reason*, and `[DONE]` last."""
    data = events(reply)
    expected = "a finish_reason before the end of the stream"
    found.expect(bool(reason), reply.request, expected=expected, got=_last(data))
    expected = f"the last event {DONE}"
    found.expect(data[-1:] == [DONE], reply.request, expected=expected, got=_last(data))


def _last(data: list[str]) -> str:
    return f"the last event {data[-1]}" if data else "a stream without an event"


def joined(reply: Reply) -> Chat:
    """Return the chat completion that the chunks of *reply* add up to, of one choice.

    A stream without its end has the finish_reason "". Raises NotChecked and Breach.
    """
    chunks = read(reply, Chunk)
    if not chunks:
        raise Breach(reply.request, expected="a stream of chunks", got="no chunk")
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == 0]
    text = "".join(choice.delta.content or "" for choice in choices)
    tokens = [
        token
        for choice in choices
        if choice.logprobs is not None
        for token in choice.logprobs.content or []
    ]
    reasons = [choice.finish_reason for choice in choices if choice.finish_reason]
    usage = [chunk.usage for chunk in chunks if chunk.usage is not None]
    choice = ChatChoice(
        index=0,
        message=Message(role="assistant", content=text),
        finish_reason=reasons[-1] if reasons else "",
        logprobs=Logprobs(content=tokens) if tokens else None,
    )
    first = chunks[0]
    return Chat(
        id=first.id,
        object="chat.completion",
        created=first.created,
        model=first.model,
        choices=[choice],
        usage=usage[-1] if usage else Usage(0, 0, 0),
    )
