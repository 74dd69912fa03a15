"""inspect-ai against a server, by its providers."""

import os
import sys

from harness import WEIGHED, logprobs, sums, texts, write
from inspect_ai.model import BatchConfig, get_model

BATCH = BatchConfig(size=8, send_delay=1, tick=0.2)
"""Eight samples a batch, as many as run at once; by default it looks at them each 15 seconds."""


def main(base_url: str, model: str, out: str) -> None:
    """Write the scores of the sums to the file *out*."""
    server = {"base_url": base_url, "api_key": os.environ["OPENAI_API_KEY"]}
    compatible = get_model(f"openai-api/local/{model}", **server)
    responses = get_model(f"openai/{model}", responses_api=True, **server)
    vllm = get_model(f"vllm/{model}", **server)
    rows = [
        texts("openai-api", sums(), compatible),
        texts("openai, Responses", sums(), responses),
        texts("openai, batches", sums(batch=BATCH), responses),
        texts("vllm", sums(), vllm),
        logprobs("log probabilities", sums(WEIGHED, logprobs=True, top_logprobs=2), compatible),
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
