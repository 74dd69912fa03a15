"""lmms-eval's models `openai` and `async_openai` against a chat model."""

import sys

from harness import HARNESS, evaluate, write

SUMS = "local_sums"


def main(base_url: str, model: str, out: str) -> None:
    """Write the scores to the file *out*."""
    given = {"model_version": model, "base_url": base_url, "max_retries": 1}
    models = ("openai", "async_openai")
    rows = [{"task": f"chat, {one}", **evaluate(SUMS, one, given)} for one in models]
    write(out, HARNESS, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
