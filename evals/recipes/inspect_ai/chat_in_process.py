"""inspect-ai with its own provider for local weights, which calls transformers."""

import sys

from harness import WEIGHED, logprobs, sums, texts, write
from local import local


def main(weights: str, out: str) -> None:
    """Write the scores of the sums to the file *out*."""
    model = local(weights)
    written = texts("openai-api", sums(), model)
    tasks = ("openai, Responses", "openai, batches", "vllm")
    rows = [
        written,
        *({**written, "task": task} for task in tasks),
        # One by one: of a batch the provider also returns those of the padding after an answer.
        logprobs(
            "log probabilities", sums(WEIGHED, logprobs=True, top_logprobs=2), model, at_once=1
        ),
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
