"""inspect-ai against a server, by three of its providers."""

import os
import sys

from harness import logprobs, sums, texts, write
from inspect_ai.model import get_model


def main(base_url: str, model: str, out: str) -> None:
    """Write the scores of the sums to the file *out*."""
    server = {"base_url": base_url, "api_key": os.environ["OPENAI_API_KEY"]}
    compatible = get_model(f"openai-api/local/{model}", **server)
    responses = get_model(f"openai/{model}", responses_api=True, **server)
    chats = get_model(f"openai/{model}", responses_api=False, **server)
    vllm = get_model(f"vllm/{model}", **server)
    rows = [
        texts("openai-api", sums(), compatible),
        texts("openai, Responses", sums(), responses),
        texts("openai, chat", sums(), chats),
        texts("vllm", sums(), vllm),
        logprobs("log probabilities", sums(logprobs=True, top_logprobs=2), compatible),
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
