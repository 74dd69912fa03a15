"""lm-eval with its own class for local weights, which calls transformers."""

import sys

from harness import CHOICES, SUMS, evaluate, write
from lm_eval.models.huggingface import HFLM


def main(weights: str, out: str) -> None:
    """Write the scores of all tasks to the file *out*."""
    model = HFLM(pretrained=weights, dtype="float32", device="cpu", batch_size=1)
    # One of the weights' own would count, and not the task's: transformers prefers it.
    model.model.generation_config.max_new_tokens = None
    choices = evaluate("choices, token ids", CHOICES, model, {})
    rows = [
        choices,
        {**choices, "task": "choices, texts"},
        evaluate("generation", SUMS, model, {}),
        evaluate("chat", SUMS, model, {}, apply_chat_template=True),
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
