"""Streamed chats whose answers end where the model ends them, so many in flight, as a child.

Each has a connection of its own: llama.cpp's server closes one after a stream.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from tools.bench.chat.load import exchange, read, request
from tools.bench.child import Run, answer


def work(*, url: str, fields: dict[str, Any], prompts: list[str], in_flight: int) -> Run:
    """Have *prompts* answered by the server at *url*.

    Raises RuntimeError for an answer that is not 200.
    """
    at = urlsplit(url)
    address = (str(at.hostname), int(at.port or 80))
    fields = {**fields, "stream": True, "stream_options": {"include_usage": True}}
    requests = [request(at.netloc, fields, prompt) for prompt in prompts]

    def converse(sent: bytes) -> tuple[float, float, bytes]:
        run, (answered,) = exchange(address, [sent], 1, streamed=True)
        return run.firsts[0], run.latencies[0], answered

    with ThreadPoolExecutor(in_flight) as threads:
        began = time.perf_counter()
        done = list(threads.map(converse, requests))
        seconds = time.perf_counter() - began
    firsts, latencies, answers = zip(*done, strict=True)
    texts, tokens = zip(*(read(answered, "streamed") for answered in answers), strict=True)
    return Run(
        seconds=seconds,
        texts=[text.strip() for text in texts],
        latencies=list(latencies),
        firsts=list(firsts),
        tokens=list(tokens),
    )


if __name__ == "__main__":
    answer(work)
