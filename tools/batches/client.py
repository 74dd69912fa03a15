"""What the stock client does with a batch: writes its file, begins it, waits, reads the results."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from openai import OpenAI
from openai.types import Batch

from tools.bench.server import Server

CHAT = "/v1/chat/completions"
FINAL = ("completed", "failed", "expired", "cancelled")
POLL_SECONDS = 0.1

KEY = "sk-batches"


def connected(server: Server) -> OpenAI:
    """Return the stock client of *server*."""
    return OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0)


def chat(words: str, model: str) -> dict[str, Any]:
    """Return the body of a chat of one message, answered greedily."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": words}],
        "max_tokens": 16,
        "temperature": 0,
    }


def written(bodies: Iterator[dict[str, Any]]) -> bytes:
    """Return an input file of chats, whose ids are `line-0` and so on."""
    return b"".join(
        json.dumps(
            {"custom_id": f"line-{number}", "method": "POST", "url": CHAT, "body": body}
        ).encode()
        + b"\n"
        for number, body in enumerate(bodies)
    )


def begun(client: OpenAI, content: bytes) -> Batch:
    """Upload *content* and begin a batch of its chats."""
    file = client.files.create(file=("input.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"of": "tools"}
    )


def reached(client: OpenAI, batch_id: str, done: Callable[[Batch], bool]) -> Batch:
    """Poll the batch until *done* says so, or it has ended, and return it."""
    while True:
        batch = client.batches.retrieve(batch_id)
        if batch.status in FINAL or done(batch):
            return batch
        time.sleep(POLL_SECONDS)


def ended(client: OpenAI, batch_id: str) -> Batch:
    """Return the batch once it has ended."""
    return reached(client, batch_id, lambda _: False)


def completed(batch: Batch) -> int:
    """Return how many lines of *batch* have an answer."""
    return batch.request_counts.completed if batch.request_counts else 0


def results(client: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    """Return the lines of a file of results; none without a file."""
    if file_id is None:
        return []
    return [json.loads(line) for line in client.files.content(file_id).read().splitlines()]
