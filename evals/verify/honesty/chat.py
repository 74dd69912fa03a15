"""Parameters of chats and texts, each with a value whose effect can be seen in the answer."""

import json
import math

from evals.verify import samples
from evals.verify.check import Check
from evals.verify.honesty.effects import honest
from evals.verify.shapes import Chat, Text
from evals.verify.target import ECHO, LOGPROBS, Target
from evals.verify.verdict import Breach, Findings, NotChecked

QUESTION = samples.QUESTIONS[3]
OPEN = samples.QUESTIONS[4]
"""A question with many answers."""
ENOUGH_NUMBERS = 20
"""Numbers that are needed to see whether they are rounded."""
DIGITS = 4
"""Decimal places: numbers in float32 that all have no more are rounded."""
IMPROBABLE = 1e-6
"""A chance so small that what happens by it is a breach."""


async def limit_of_tokens(target: Target, found: Findings) -> None:
    """A limit of one token gives one token and the finish_reason length, by each of its names."""
    for name in ("max_tokens", "max_completion_tokens"):
        reply = await target.chat(QUESTION, **{"max_tokens": None, name: 1})
        if honest(found, reply):
            chat = reply.read(Chat)
            got = (chat.usage.completion_tokens, chat.choices[0].finish_reason)
            found.equal(reply.request, expected=(1, "length"), got=got)


async def stop_string(target: Target, found: Findings) -> None:
    """A stop string ends the answer before it, with the finish_reason stop."""
    plain = (await target.chat(QUESTION)).read(Chat).choices[0].message.content or ""
    if len(plain) < 2:  # noqa: PLR2004 - there is nothing to cut
        raise NotChecked("the plain answer is too short to be cut")
    stop = plain[len(plain) // 2 :][:3]

    reply = await target.chat(QUESTION, stop=[stop])

    if honest(found, reply):
        choice = reply.read(Chat).choices[0]
        expected = (plain[: plain.index(stop)], "stop")
        found.equal(
            reply.request,
            expected=expected,
            got=(choice.message.content or "", choice.finish_reason),
        )


async def two_choices(target: Target, found: Findings) -> None:
    """`n: 2` gives two answers."""
    reply = await target.chat(QUESTION, n=2)

    if honest(found, reply):
        indices = [choice.index for choice in reply.read(Chat).choices]
        found.equal(reply.request, expected=[0, 1], got=sorted(indices))


async def alternatives(target: Target, found: Findings) -> None:
    """`top_logprobs: 3` gives three alternatives of each token."""
    reply = await target.chat(QUESTION, logprobs=True, top_logprobs=3)

    if honest(found, reply):
        logprobs = reply.read(Chat).choices[0].logprobs
        tokens = (logprobs and logprobs.content) or []
        counts = {len(token.top_logprobs) for token in tokens}
        found.equal(reply.request, expected={3}, got=counts)


async def bias_of_a_token(target: Target, found: Findings) -> None:
    """A `logit_bias` of 100 for a token changes the answer."""
    plain = (await target.chat(QUESTION)).read(Chat).choices[0].message.content

    reply = await target.chat(QUESTION, logit_bias={"50": 100})

    if honest(found, reply):
        got = reply.read(Chat).choices[0].message.content
        expected = f"another answer than {plain!r}"
        found.expect(got != plain, reply.request, expected=expected, got=got)


async def json_schema(target: Target, found: Findings) -> None:
    """A `response_format` with a schema gives JSON of that schema, or its beginning."""
    schema = {
        "type": "object",
        "properties": {"number": {"type": "integer"}},
        "required": ["number"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}

    reply = await target.chat(QUESTION, response_format=form, max_tokens=64)

    if honest(found, reply):
        choice = reply.read(Chat).choices[0]
        text = choice.message.content or ""
        right = text.lstrip().startswith("{") if choice.finish_reason == "length" else _fits(text)
        found.expect(right, reply.request, expected='{"number": …}', got=text)


def _fits(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and list(value) == ["number"] and type(value["number"]) is int


async def required_tool(target: Target, found: Findings) -> None:
    """`tool_choice: required` gives a call of the tool."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "get_weather", "description": "The weather.", "parameters": parameters}

    reply = await target.chat(
        "What is the weather in Oslo?",
        tools=[{"type": "function", "function": function}],
        tool_choice="required",
        max_tokens=64,
    )

    if honest(found, reply):
        choice = reply.read(Chat).choices[0]
        found.expect(
            bool(choice.message.tool_calls), reply.request, expected="a call", got=choice.message
        )


async def seed(target: Target, found: Findings) -> None:
    """Answers that are drawn with the same seed are equal."""
    drawn = False
    for number, question in enumerate(samples.QUESTIONS, 1):
        options = {"temperature": 2, "top_p": 1, "seed": number}
        first, second = [await target.chat(question, **options) for _ in range(2)]
        if not honest(found, first):
            return
        greedy, expected, got = (
            reply.read(Chat).choices[0].message.content
            for reply in (await target.chat(question), first, second)
        )
        drawn |= expected != greedy
        found.equal(first.request, expected=expected, got=got)
    if not drawn and not found.breaches:
        raise NotChecked("the model is so certain that its draws are its most probable answers")


async def temperature(target: Target, found: Findings) -> None:
    """At temperature 2 answers differ from the most probable ones, as often as they have to."""
    target.needs("chat logprobs")
    chance = 0.0
    for question in samples.QUESTIONS:
        greedy = (await target.chat(question, logprobs=True, top_logprobs=5)).read(Chat)
        reply = await target.chat(question, temperature=2, top_p=1)
        if not honest(found, reply):
            return
        expected = greedy.choices[0].message.content
        if reply.read(Chat).choices[0].message.content != expected:
            found.compared += 1
            return
        chance += _chance_of_no_effect(greedy)
    if chance > math.log(IMPROBABLE):
        raise NotChecked("the model is so certain that its draws are its most probable answers")
    expected = f"another answer than the most probable one to one of {len(samples.QUESTIONS)}"
    raise Breach(reply.request, expected=expected, got="the most probable answers")


def _chance_of_no_effect(greedy: Chat) -> float:
    """Return the logarithm of the most that *greedy*'s probability can be at temperature 2.

    A token's probability is exp(l / 2) over the sum of exp(l / 2) of all tokens, l being the log
    probability at temperature 1. Only some of them are known, so the true sum is larger.
    """
    logprobs = greedy.choices[0].logprobs
    chance = 0.0
    for token in (logprobs and logprobs.content) or []:
        known = {top.token: top.logprob for top in token.top_logprobs} | {
            token.token: token.logprob
        }
        chance += token.logprob / 2 - math.log(sum(math.exp(each / 2) for each in known.values()))
    return chance


async def values_beyond_bounds(target: Target, found: Findings) -> None:
    """A value beyond OpenAI's bounds is refused, not moved to the bound."""
    for beyond in (
        {"temperature": -1},
        {"temperature": 3},
        {"top_p": 1.5},
        {"n": 0},
        {"presence_penalty": 3},
        {"frequency_penalty": -3},
        {"max_tokens": -1},
        {"logprobs": True, "top_logprobs": 1000},
    ):
        reply = await target.chat(QUESTION, **beyond)
        got = "an answer" if not reply.refused else reply.reason
        found.expect(reply.refused, reply.request, expected="a refusal with 400", got=got)


async def unrounded_logprobs(target: Target, found: Findings) -> None:
    """Log probabilities have more than four decimal places: they are not rounded."""
    request, numbers = await _numbers(target)
    seen = [number for number in numbers if abs(number) > 10**-DIGITS]
    if len(seen) < ENOUGH_NUMBERS:
        raise NotChecked(f"only {len(seen)} log probabilities beyond 0.0001")
    rounded = all(round(number, DIGITS) == number for number in seen)
    expected = "at least one number with more than four decimal places"
    found.expect(not rounded, request, expected=expected, got=seen[:8])


async def _numbers(target: Target) -> tuple[str, list[float]]:
    """Return log probabilities: of prompts where they are echoed, else of alternatives."""
    if not target.lacks("echo"):
        replies = [await target.text(prompt, **ECHO) for prompt in samples.TEXTS]
        logprobs = [reply.read(Text).choices[0].logprobs for reply in replies]
        numbers = [n for each in logprobs if each for n in each.token_logprobs if n is not None]
        return replies[0].request, numbers
    target.needs("chat logprobs")
    reply = await target.chat(OPEN, **LOGPROBS)
    found = reply.read(Chat).choices[0].logprobs
    tokens = (found and found.content) or []
    return reply.request, [top.logprob for token in tokens for top in token.top_logprobs]


CHECKS = (
    *(
        Check("honesty", ("chat",), run)
        for run in (
            limit_of_tokens,
            stop_string,
            two_choices,
            alternatives,
            bias_of_a_token,
            json_schema,
            required_tool,
            seed,
            temperature,
            values_beyond_bounds,
        )
    ),
    Check("honesty", ("chat", "text"), unrounded_logprobs),
)
