"""The contract of continued texts, responses and embeddings."""

import base64
import struct

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.responses import Response as StockResponse

from evals.verify import samples
from evals.verify.answers import TOLERANCE
from evals.verify.check import Check
from evals.verify.events import check_end, read
from evals.verify.shapes import Embeddings, Response, ResponseEvent, Text, TextChunk
from evals.verify.target import ECHO, Target
from evals.verify.verdict import Findings

PROMPT = samples.TEXTS[0]
QUESTION = samples.QUESTIONS[3]


async def whole_text(target: Target, found: Findings) -> None:
    """A continued text has OpenAI's shape, a finish_reason, and a usage that adds up."""
    reply = await target.text(PROMPT)

    found.equal(reply.request, expected=Completion, got=type(reply.parsed()))
    text = reply.read(Text)
    reason = text.choices[0].finish_reason
    expected = "finish_reason stop or length"
    found.expect(reason in {"stop", "length"}, reply.request, expected=expected, got=reason)
    total = text.usage.prompt_tokens + text.usage.completion_tokens
    found.equal(reply.request, expected=total, got=text.usage.total_tokens)


async def streamed_text(target: Target, found: Findings) -> None:
    """A streamed text is the whole one, and ends with a finish_reason and [DONE]."""
    whole = (await target.text(PROMPT)).read(Text)

    reply = await target.text(PROMPT, stream=True)

    choices = [choice for chunk in read(reply, TextChunk) for choice in chunk.choices]
    text = "".join(choice.text for choice in choices)
    found.equal(reply.request, expected=whole.choices[0].text, got=text)
    check_end(found, reply, next((c.finish_reason for c in choices if c.finish_reason), None))


async def echoed_prompt(target: Target, found: Findings) -> None:
    """`echo` returns the prompt, with a log probability for each token but the first."""
    target.needs("echo")

    for prompt in samples.TEXTS:
        reply = await target.text(prompt, **ECHO)
        text = reply.read(Text)
        choice, logprobs = text.choices[0], text.choices[0].logprobs
        found.equal(reply.request, expected=prompt, got=choice.text)
        numbers = logprobs.token_logprobs if logprobs else []
        count = text.usage.prompt_tokens
        found.equal(reply.request, expected=f"{count} numbers", got=f"{len(numbers)} numbers")
        right = numbers[:1] == [None] and all(n is not None and n <= 0 for n in numbers[1:])
        found.expect(right, reply.request, expected="null, then at most 0", got=numbers)


async def whole_response(target: Target, found: Findings) -> None:
    """A response has OpenAI's shape, a text, and a usage that adds up."""
    reply = await target.response(QUESTION)

    found.equal(reply.request, expected=StockResponse, got=type(reply.parsed()))
    response = reply.read(Response)
    right = response.status in {"completed", "incomplete"}
    found.expect(right, reply.request, expected="completed or incomplete", got=response.status)
    total = response.usage.input_tokens + response.usage.output_tokens
    found.equal(reply.request, expected=total, got=response.usage.total_tokens)


async def streamed_response(target: Target, found: Findings) -> None:
    """A response's events add up to the whole text, which its last event has."""
    whole = (await target.response(QUESTION)).read(Response)

    reply = await target.response(QUESTION, stream=True)

    found_events = read(reply, ResponseEvent)
    deltas = [e.delta for e in found_events if e.type == "response.output_text.delta"]
    text = "".join(delta for delta in deltas if isinstance(delta, str))
    found.equal(reply.request, expected=whole.text, got=text)
    last = found_events[-1].type if found_events else "no event"
    expected = "a last event response.completed or response.incomplete"
    right = last in {"response.completed", "response.incomplete"}
    found.expect(right, reply.request, expected=expected, got=last)


async def vectors(target: Target, found: Findings) -> None:
    """Embeddings come in the order of their texts, as numbers, and the same in base64."""
    texts = list(samples.TEXTS)

    reply = await target.embedding(texts)
    packed = await target.embedding(texts, encoding_format="base64")

    found.equal(reply.request, expected=CreateEmbeddingResponse, got=type(reply.parsed()))
    answer = reply.read(Embeddings)
    order = list(range(len(texts)))
    found.equal(reply.request, expected=order, got=[item.index for item in answer.data])
    sizes = {len(item.embedding) for item in answer.data}
    found.equal(reply.request, expected="1 length", got=f"{len(sizes)} length")
    for first, second in zip(answer.data, packed.read(Embeddings).data, strict=False):
        numbers, text = first.embedding, second.embedding
        found.expect(isinstance(text, str), packed.request, expected="base64", got=text)
        if isinstance(text, str) and not isinstance(numbers, str):
            raw = base64.b64decode(text)
            unpacked = struct.unpack(f"<{len(raw) // 4}f", raw)
            pairs = list(zip(numbers, unpacked, strict=False))
            right = len(unpacked) == len(numbers) and all(abs(a - b) <= TOLERANCE for a, b in pairs)
            found.expect(right, packed.request, expected=numbers[:4], got=unpacked[:4])


CHECKS = (
    Check("contract", ("text",), whole_text),
    Check("contract", ("text",), streamed_text),
    Check("contract", ("text",), echoed_prompt),
    Check("contract", ("responses",), whole_response),
    Check("contract", ("responses",), streamed_response),
    Check("contract", ("embeddings",), vectors),
)
