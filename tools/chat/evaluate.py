"""Figures of the chat model under transformers and CTranslate2: exact matches by kind of question.

python -m tools.chat.evaluate tests/models/chat-hf --ct2 backends/builtin/chat
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tools.chat.conversations import ROUNDS, call, tool_case, turn
from tools.chat.questions import (
    CITIES,
    FIXED,
    SYSTEM,
    TOOLS,
    UNKNOWN,
    random_word,
    sum_question,
    word_question,
)
from tools.chat.tokenizer import END

LONGEST = 64


@dataclass(frozen=True)
class Item:
    """A conversation, the tools offered in it, and the one right answer."""

    kind: str
    messages: list[dict[str, Any]]
    answer: str
    tools: list[dict[str, Any]] | None = None


def user(text: str) -> dict[str, Any]:
    """Return a message of the user."""
    return {"role": "user", "content": text}


def tool(name: str) -> dict[str, Any]:
    """Return the definition of a tool that takes a city."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": name, "description": f"about {name}", "parameters": parameters}
    return {"type": "function", "function": function}


def single(rng: random.Random) -> list[Item]:
    """Single questions: sums of pairs that were never trained, words, fixed and unknown ones."""
    items = [Item("held-out sum", [user(q)], a) for q, a in held_out_sums(rng, 400)]
    for _ in range(150):
        question, answer = word_question(rng)
        items.append(Item(question.split()[0].lower(), [user(question)], answer))
    items += [Item("fixed", [user(question)], answer) for question, answer in FIXED]
    for _ in range(30):
        text = " ".join(random_word(rng) for _ in range(rng.randint(2, 5)))
        items.append(Item("unknown", [user(f"{text}?")], UNKNOWN))
    return items


def held_out_sums(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """Draw *count* different questions about pairs that are never trained."""
    questions: dict[str, str] = {}
    while len(questions) < count:
        question, answer = sum_question(rng, held=True)
        questions[question] = answer
    return list(questions.items())


def with_tools(rng: random.Random) -> list[Item]:
    """For every city and tool: the call, and the answer once the tool has returned."""
    items = []
    for city in CITIES:
        for name in TOOLS:
            question, value, answer = tool_case(rng, city, name)
            offered = [tool(n) for n in rng.choice([TOOLS, TOOLS[::-1], [name]])]
            items.append(Item("tool call", [user(question)], call(name, city), offered))
            function = {"name": name, "arguments": json.dumps({"city": city})}
            called = {"id": "call_1", "type": "function", "function": function}
            messages = [
                user(question),
                {"role": "assistant", "content": "", "tool_calls": [called]},
                {"role": "tool", "tool_call_id": "call_1", "content": value},
            ]
            items.append(Item("tool result", messages, answer, offered))
    return items


def several_turns(rng: random.Random) -> list[Item]:
    """Return the last of two to four turns, with and without a system prompt."""
    items = []
    for _ in range(100):
        messages = []
        if rng.random() < 0.5:
            messages.append({"role": "system", "content": rng.choice(SYSTEM)})
        for _ in range(rng.randint(1, 3)):
            question, answer = turn(rng, ROUNDS["final"])
            messages += [user(question), {"role": "assistant", "content": answer}]
        last = sum_question(rng, held=True) if rng.random() < 0.5 else word_question(rng)
        items.append(Item("last of several", [*messages, user(last[0])], last[1]))
    return items


def report(name: str, items: list[Item], answers: list[str]) -> None:
    """Print exact matches by kind, and the first wrong answers."""
    asked = Counter(item.kind for item in items)
    pairs = list(zip(items, answers, strict=True))
    right = Counter(item.kind for item, answer in pairs if item.answer == answer)
    print(name, {kind: f"{right[kind]}/{count}" for kind, count in asked.items()})
    wrong = [(i.messages[-1]["content"], i.answer, a) for i, a in pairs if i.answer != a]
    print("  wrong:", wrong[:8], flush=True)


def answers_of_transformers(folder: Path, tokenizer: Any, prompts: list[str]) -> list[str]:
    """Answer every prompt greedily; one without an end counts as wrong."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    answers = []
    for prompt in prompts:
        encoded = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        made = model.generate(**encoded, max_new_tokens=LONGEST, do_sample=False)
        ids = made[0, encoded.input_ids.shape[1] :].tolist()
        answers.append(tokenizer.decode(ids[:-1]) if ids[-1] == END else "(no end)")
    return answers


def answers_of_ctranslate2(
    folder: Path, tokenizer: Any, prompts: list[str], threads: int
) -> list[str]:
    """Answer every prompt greedily with CTranslate2's generator in float32."""
    generator = ctranslate2.Generator(str(folder), compute_type="float32", intra_threads=threads)
    ids = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt in prompts]
    results = generator.generate_batch(
        [tokenizer.convert_ids_to_tokens(row) for row in ids],
        max_length=LONGEST,
        sampling_topk=1,
        include_prompt_in_result=False,
        end_token="<|end|>",  # noqa: S106 - a token of text
        max_batch_size=32,
    )
    made = [result.sequences_ids[0] for result in results]
    return [tokenizer.decode([i for i in row if i != END]) for row in made]


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hf", type=Path, help="Hugging Face directory")
    parser.add_argument("--ct2", type=Path, help="CTranslate2 directory to compare")
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--every", type=int, default=1, help="use one question in N")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rng = random.Random(arguments.seed)
    items = [*single(rng), *with_tools(rng), *several_turns(rng)][:: arguments.every]
    tokenizer = AutoTokenizer.from_pretrained(arguments.hf)
    prompts = [
        tokenizer.apply_chat_template(
            item.messages, tools=item.tools, add_generation_prompt=True, tokenize=False
        )
        for item in items
    ]
    answers = answers_of_transformers(arguments.hf, tokenizer, prompts)
    report("transformers", items, answers)
    if arguments.ct2:
        others = answers_of_ctranslate2(arguments.ct2, tokenizer, prompts, arguments.threads)
        report("CTranslate2", items, others)
        same = sum(a == b for a, b in zip(answers, others, strict=True))
        print(f"the same answer: {same}/{len(items)}")


if __name__ == "__main__":
    main()
