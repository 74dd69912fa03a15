"""Answers the same questions with transformers, on the same weights."""

import json
import sys
from pathlib import Path

import transformers
from chat import MAX_TOKENS, questions, row

from tests.weights import Weights


def main(weights: str, out: str) -> None:
    """Write the scores of the greedy answers to the file *out*."""
    model = Weights(Path(weights))
    samples = questions()
    answers = [model.reply(sample["messages"], max_tokens=MAX_TOKENS) for sample in samples]
    rows = [row(task, samples, answers) for task in ("chat", "chat, streamed", "response")]
    scores = {"harness": f"transformers {transformers.__version__}", "rows": rows}
    Path(out).write_text(json.dumps(scores))


if __name__ == "__main__":
    main(*sys.argv[1:])
