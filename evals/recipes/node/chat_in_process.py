"""Answers the same questions with transformers, on the same weights."""

import sys
from pathlib import Path

from task import samples, write

from tests.weights import Weights


def main(weights: str, out: str) -> None:
    """Write the share of answers that contain the target to the file *out*."""
    model = Weights(Path(weights))
    chosen = samples("sums.jsonl", "questions.jsonl")
    texts = [model.reply(sample["messages"], max_tokens=48) for sample in chosen]
    right = [sample["target"] in text for sample, text in zip(chosen, texts, strict=True)]
    write(out, ("chat", "chat, streamed", "response"), right, texts)


if __name__ == "__main__":
    main(*sys.argv[1:])
