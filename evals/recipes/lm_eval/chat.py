"""lm-eval against a server: loglikelihood, generation and chat."""

import sys

from harness import evaluate, write

CHOICES, SUMS = "local_choices", "local_sums"


def main(base_url: str, model: str, out: str) -> None:
    """Write the scores of all tasks to the file *out*."""
    texts = {
        "model": model,
        "base_url": f"{base_url}/completions",
        "tokenizer_backend": "remote",
        "num_concurrent": 8,
        "max_retries": 1,
    }
    chat = {**texts, "base_url": f"{base_url}/chat/completions"}
    del chat["tokenizer_backend"]
    as_text = {**texts, "tokenized_requests": False}
    local = "local-completions"
    rows = [
        {"task": "choices, token ids", **evaluate(CHOICES, local, texts)},
        {"task": "choices, texts", **evaluate(CHOICES, local, as_text)},
        {"task": "generation", **evaluate(SUMS, local, texts)},
        {
            "task": "chat",
            **evaluate(SUMS, "local-chat-completions", chat, "--apply_chat_template"),
        },
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
