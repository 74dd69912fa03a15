"""The contract of chats: whole and streamed, and what their options return."""

from itertools import pairwise
from typing import Any

from openai.types.chat import ChatCompletion

from evals.verify import samples
from evals.verify.check import Check
from evals.verify.events import check_end, joined, read
from evals.verify.shapes import Chat, Chunk
from evals.verify.target import LOGPROBS, Target
from evals.verify.verdict import Findings

QUESTION = samples.QUESTIONS[3]
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


async def whole_chat(target: Target, found: Findings) -> None:
    """A chat has OpenAI's shape, a text, a finish_reason, and a usage that adds up."""
    reply = await target.chat(QUESTION)

    parsed = reply.parsed()
    found.equal(reply.request, expected=ChatCompletion, got=type(parsed))
    chat = reply.read(Chat)
    found.equal(reply.request, expected=1, got=len(chat.choices))
    choice = chat.choices[0]
    found.expect(
        isinstance(choice.message.content, str),
        reply.request,
        expected="a text",
        got=choice.message.content,
    )
    found.expect(
        choice.finish_reason in {"stop", "length"},
        reply.request,
        expected="finish_reason stop or length",
        got=choice.finish_reason,
    )
    usage = chat.usage
    total = usage.prompt_tokens + usage.completion_tokens
    found.equal(reply.request, expected=f"{total} tokens", got=f"{usage.total_tokens} tokens")


async def streamed_chat(target: Target, found: Findings) -> None:
    """A stream has one id, the text of the whole answer, a finish_reason and [DONE]."""
    whole = (await target.chat(QUESTION)).read(Chat)

    reply = await target.chat(QUESTION, stream=True)

    chat = joined(reply)
    text, expected = chat.choices[0].message.content, whole.choices[0].message.content
    found.equal(reply.request, expected=expected, got=text)
    reason = chat.choices[0].finish_reason
    check_end(found, reply, reason)
    found.equal(reply.request, expected=whole.choices[0].finish_reason, got=reason)
    ids = {chunk.id for chunk in read(reply, Chunk)}
    found.equal(reply.request, expected="1 id", got=f"{len(ids)} id")


async def stream_through_the_stock_client(target: Target, found: Findings) -> None:
    """The stock client reads a stream to its end, and its deltas are the whole text."""
    whole = await target.chat(QUESTION)
    expected = whole.read(Chat).choices[0].message.content

    chunks = await target.streamed_chunks(QUESTION)

    choices = [choice for chunk in chunks for choice in chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    found.equal(whole.request, expected=expected, got=text)
    ended = [choice.finish_reason for choice in choices if choice.finish_reason]
    found.equal(whole.request, expected="1 finish_reason", got=f"{len(ended)} finish_reason")


async def usage_of_a_stream(target: Target, found: Findings) -> None:
    """`include_usage` brings the usage of the whole answer, in a last chunk without a text."""
    whole = (await target.chat(QUESTION)).read(Chat)

    reply = await target.chat(QUESTION, **USAGE)

    chunks = read(reply, Chunk)
    last = chunks[-1] if chunks else None
    found.equal(reply.request, expected=whole.usage, got=last and last.usage)
    found.equal(reply.request, expected=[], got=last and last.choices)


async def logprobs_of_a_chat(target: Target, found: Findings) -> None:
    """Each token has its log probability, at most 0, among two ordered alternatives."""
    target.needs("chat logprobs")

    reply = await target.chat(QUESTION, **LOGPROBS)

    chat = reply.read(Chat)
    logprobs = chat.choices[0].logprobs
    tokens = (logprobs and logprobs.content) or []
    count = chat.usage.completion_tokens
    # The token that ends an answer is counted by every server, but not weighed by some.
    right = len(tokens) in {count, count - 1}
    found.expect(right, reply.request, expected=f"{count} tokens", got=f"{len(tokens)} tokens")
    for token in tokens:
        found.expect(token.logprob <= 0, reply.request, expected="at most 0", got=token)
        ranked = [top.logprob for top in token.top_logprobs]
        ordered = all(first >= second for first, second in pairwise(ranked))
        right = len(ranked) == LOGPROBS["top_logprobs"] and ordered
        found.expect(right, reply.request, expected="2 ordered alternatives", got=token)
        # At temperature 0 the token is the most probable one.
        right = bool(ranked) and abs(ranked[0] - token.logprob) <= 1e-6  # noqa: PLR2004 - rounding
        found.expect(right, reply.request, expected="the first alternative's number", got=token)


async def logprobs_of_a_stream(target: Target, found: Findings) -> None:
    """A stream has the tokens of the whole answer."""
    target.needs("chat logprobs")
    whole = (await target.chat(QUESTION, **LOGPROBS)).read(Chat)

    reply = await target.chat(QUESTION, stream=True, **LOGPROBS)

    streamed = joined(reply)
    found.equal(reply.request, expected=_tokens(whole), got=_tokens(streamed))


def _tokens(chat: Chat) -> list[Any]:
    logprobs = chat.choices[0].logprobs
    return [token.token for token in (logprobs and logprobs.content) or []]


CHECKS = tuple(
    Check("contract", ("chat",), run)
    for run in (
        whole_chat,
        streamed_chat,
        stream_through_the_stock_client,
        usage_of_a_stream,
        logprobs_of_a_chat,
        logprobs_of_a_stream,
    )
)
