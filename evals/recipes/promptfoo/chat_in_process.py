"""Answers the same questions with transformers, on the same weights."""

import operator
import sys
from pathlib import Path

from task import samples, write

from tests.weights import Weights


def main(weights: str, out: str) -> None:
    """Write the share of right answers to the file *out*."""
    model = Weights(Path(weights))
    chosen = samples("sums.jsonl")
    texts = [model.reply(sample["messages"], max_tokens=32) for sample in chosen]
    write(out, "chat", chosen, texts, operator.eq)


if __name__ == "__main__":
    main(*sys.argv[1:])
