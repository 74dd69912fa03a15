"""lm-eval with its own model class for transformers, on the same weights."""

import sys

from harness import evaluate, write

CHOICES, SUMS = "local_choices", "local_sums"


def main(weights: str, out: str) -> None:
    """Write the scores of all tasks to the file *out*."""
    given = {"pretrained": weights, "dtype": "float32"}
    flags = ("--device", "cpu", "--batch_size", "1")
    choices = evaluate(CHOICES, "hf", given, *flags)
    rows = [
        {"task": "choices, token ids", **choices},
        {"task": "choices, texts", **choices},
        {"task": "generation", **evaluate(SUMS, "hf", given, *flags)},
        {"task": "chat", **evaluate(SUMS, "hf", given, *flags, "--apply_chat_template")},
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
