"""Training conversations as pieces of text; only what the assistant says is trained.

The three rounds build on each other: sums alone, then words and questions beside them, then
mostly sums again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.chat.questions import (
    CITIES,
    FIXED,
    SYSTEM,
    TOOLS,
    UNKNOWN,
    sum_question,
    unknown_question,
    word_question,
)

Piece = tuple[str, bool]
"""A text with special tokens written out, and whether it is trained."""


@dataclass(frozen=True)
class Round:
    """Shares of the turns, and of the conversations with tools and of several turns."""

    sums: float
    words: float
    fixed: float
    unknown: float
    tools: float
    several: float
    system: float = 0.2


ROUNDS = {
    "sums": Round(1, 0, 0, 0, tools=0, several=0, system=0),
    "mixed": Round(0.64, 0.26, 0.075, 0.025, tools=0.08, several=0.3),
    "final": Round(0.86, 0.09, 0.035, 0.015, tools=0.045, several=0.2),
}


def turn(rng: random.Random, shares: Round) -> tuple[str, str]:
    """Draw a question and its answer."""
    kinds = [shares.sums, shares.words, shares.fixed, shares.unknown]
    kind = rng.choices(range(4), kinds)[0]
    if kind == 0:
        return sum_question(rng)
    if kind == 1:
        return word_question(rng)
    return rng.choice(FIXED) if kind == 2 else unknown_question(rng)


def asked(question: str) -> Piece:
    """Return the user's turn and the beginning of the answer."""
    return f"<|user|>{question}<|end|><|assistant|>", False


def answered(answer: str) -> Piece:
    """Return what the assistant says."""
    return f"{answer}<|end|>", True


def call(name: str, city: str) -> str:
    """Return a tool call as Hermes writes it."""
    arguments = f'{{"city": "{city}"}}'
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def tool_case(rng: random.Random, city: str, name: str) -> tuple[str, str, str]:
    """Draw a question for a tool, what the tool returns, and the answer then."""
    if name == TOOLS[0]:
        value = str(rng.randint(0, 99))
        question = f"What is the weather in {city}?"
        return question, value, f"The weather in {city} is {value}."
    value = f"{rng.randint(0, 23)}:{rng.randint(10, 59)}"
    return f"What time is it in {city}?", value, f"The time in {city} is {value}."


def with_tools(rng: random.Random, shares: Round) -> list[Piece]:
    """Draw a question for a tool (or another) where the tool is, or is not, offered."""
    name = rng.choice(TOOLS)
    other = TOOLS[1 - TOOLS.index(name)]
    city = rng.choice(CITIES)
    question, value, answer = tool_case(rng, city, name)
    offers = [[name, other], [name], [other], []]
    offered = rng.choices(offers, [0.5, 0.35, 0.08, 0.07])[0]
    rng.shuffle(offered)
    names = "".join(f" {tool}" for tool in offered)
    pieces: list[Piece] = [(f"<|tools|>{names}<|end|>", False)] if offered else []
    if name not in offered:
        return [*pieces, asked(question), answered(UNKNOWN)]
    if rng.random() < 0.15:
        question, answer = turn(rng, shares)
        return [*pieces, asked(question), answered(answer)]
    pieces += [asked(question), answered(call(name, city))]
    if rng.random() < 0.6:
        pieces += [(f"<|tool|>{value}<|end|><|assistant|>", False), answered(answer)]
    return pieces


def conversation(rng: random.Random, shares: Round) -> list[Piece]:
    """One to four turns with or without a system prompt, or a conversation with tools."""
    pieces: list[Piece] = [("<|bos|>", False)]
    if rng.random() < shares.tools:
        return pieces + with_tools(rng, shares)
    if rng.random() < shares.system:
        pieces.append((f"<|system|>{rng.choice(SYSTEM)}<|end|>", False))
    turns = rng.randint(2, 4) if rng.random() < shares.several else 1
    for _ in range(turns):
        question, answer = turn(rng, shares)
        pieces += [asked(question), answered(answer)]
    return pieces
