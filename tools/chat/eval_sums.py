"""Make `evals/data/sums.jsonl`: questions with one right answer, sums of never-trained pairs.

python -m tools.chat.eval_sums evals/data
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from tools.chat.questions import FIXED, sum_question, word_question

SEED = 4711
SUMS, WORDS = 48, 8
QUESTIONS = [0, 8, 18, 22, 24, 29]
"""Which of the fixed questions are asked."""


def rows() -> list[tuple[str, str, str]]:
    """Kind, question and answer; no question twice, words of at most six letters."""
    rng = random.Random(SEED)
    drawn: dict[str, tuple[str, str]] = {}
    while len(drawn) < SUMS:
        question, answer = sum_question(rng, held=True)
        drawn.setdefault(question, ("sum", answer))
    while len(drawn) < SUMS + WORDS:
        question, answer = word_question(rng, most=6)
        kind = question.split()[0].lower()
        if sum(k == kind for k, _ in drawn.values()) < WORDS // 2:
            drawn.setdefault(question, (kind, answer))
    for question, answer in (FIXED[place] for place in QUESTIONS):
        drawn[question] = ("fixed", answer)
    return [(kind, question, answer) for question, (kind, answer) in drawn.items()]


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="usually evals/data")
    folder = parser.parse_args().folder
    lines = []
    for number, (kind, question, answer) in enumerate(rows(), start=1):
        messages = [{"role": "user", "content": question}]
        row = {"id": f"{kind}-{number:02d}", "messages": messages, "target": answer}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    (folder / "sums.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
