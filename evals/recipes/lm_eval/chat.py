"""lm-eval against a server: loglikelihood, generation and chat."""

import os
import sys

from harness import CHOICES, SUMS, evaluate, write

COMPLETIONS, CHATS = "local-completions", "local-chat-completions"


def main(base_url: str, model: str, out: str) -> None:
    """Write the scores of all tasks to the file *out*."""
    # The tokenizer's requests name no model, so that the base URL has to.
    base = f"{base_url.removesuffix('/v1')}/m/{model}/v1"
    common = {"model": model, "num_concurrent": 8, "max_retries": 1}
    texts = {
        **common,
        "base_url": f"{base}/completions",
        "tokenizer_backend": "remote",
        # The tokenizer's key; the other requests take OPENAI_API_KEY by themselves.
        "auth_token": os.environ["OPENAI_API_KEY"],
    }
    chats = {**common, "base_url": f"{base}/chat/completions"}
    rows = [
        evaluate("choices, token ids", CHOICES, COMPLETIONS, texts),
        evaluate("choices, texts", CHOICES, COMPLETIONS, {**texts, "tokenized_requests": False}),
        evaluate("generation", SUMS, COMPLETIONS, texts),
        evaluate("chat", SUMS, CHATS, chats, apply_chat_template=True),
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
