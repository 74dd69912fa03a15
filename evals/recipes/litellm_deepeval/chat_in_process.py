"""Answers the same questions with transformers, on the same weights."""

import sys
from pathlib import Path

import transformers
from task import MAX_TOKENS, TASKS, row, sums, write

from tests.weights import Weights


def main(weights: str, out: str) -> None:
    """Write the scores to the file *out*."""
    model = Weights(Path(weights))
    samples = sums()
    answers = [
        model.reply([{"role": "user", "content": question}], max_tokens=MAX_TOKENS)
        for question, _ in samples
    ]
    rows = [row(task, samples, answers) for task in TASKS]
    write(out, f"transformers {transformers.__version__}", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
