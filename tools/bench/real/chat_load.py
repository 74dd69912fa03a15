"""Streamed chats whose answers end where the model ends them, so many in flight, as a child."""

from typing import Any
from urllib.parse import urlsplit

from tools.bench.chat.load import exchange, read, request
from tools.bench.child import Run, answer


def work(*, url: str, fields: dict[str, Any], prompts: list[str], in_flight: int) -> Run:
    """Have *prompts* answered by the server at *url*.

    Raises RuntimeError for an answer that is not 200.
    """
    at = urlsplit(url)
    fields = {**fields, "stream": True, "stream_options": {"include_usage": True}}
    requests = [request(at.netloc, fields, prompt) for prompt in prompts]
    address = (str(at.hostname), int(at.port or 80))
    in_flight = min(in_flight, len(requests))
    run, answers = exchange(address, requests, in_flight, streamed=True)
    for answered in answers:
        text, tokens = read(answered, "streamed")
        run.texts.append(text.strip())
        run.tokens.append(tokens)
    return run


if __name__ == "__main__":
    answer(work)
