"""Requests to a server, so many in flight at once, as a child that costs next to nothing.

The client shares the processors with the server. So it is one epoll over plain sockets: each
request was put together before the clock starts, each answer is taken apart after it has stopped,
and between the two a piece that arrives is appended and its end compared with the answer's.
"""

import json
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from tools.bench.child import Run, answer

EVENT = b"data: "
LAST = b"\r\n0\r\n\r\n"
"""What ends a body in chunks; no event of JSON holds it."""
RECEIVE_BYTES = 1 << 16


def request(host: str, fields: dict[str, Any], prompt: str | list[int]) -> bytes:
    """Return a whole request, its head included: a chat's, or a text's that comes as token ids."""
    chats = isinstance(prompt, str)
    path = "/v1/chat/completions" if chats else "/v1/completions"
    what = {"messages": [{"role": "user", "content": prompt}]} if chats else {"prompt": prompt}
    body = json.dumps({**fields, **what})
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class Connection:
    """One connection that is kept, and the answer that is arriving on it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.place = 0
        self.answer = bytearray()
        self.began = 0.0
        self.first: float | None = None

    def send(self, place: int, sent: bytes) -> None:
        """Begin the request that has that *place*."""
        self.place = place
        self.answer = bytearray()
        self.first = None
        self.began = time.perf_counter()
        self.socket.sendall(sent)

    def receive(self) -> None:
        """Read the bytes that have arrived. Raises RuntimeError if the server has closed."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise RuntimeError(f"the server closed after {bytes(self.answer)!r}")
        self.answer += data


def stream_ended(answer: bytearray) -> bool:
    """Whether a streamed answer is there to its end. What fails is not streamed."""
    return answer.endswith(LAST) or (b"Transfer-Encoding" not in answer and whole_ended(answer))


def whole_ended(answer: bytearray) -> bool:
    """Whether an answer with a length is there to its end."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
    return bool(found) and bool(length) and len(body) >= int(length)


def exchange(
    address: tuple[str, int], requests: Sequence[bytes], in_flight: int, *, streamed: bool
) -> tuple[Run, list[bytes]]:
    """Send *requests*, *in_flight* at once; return the figures, without texts, and the answers."""
    connections = [Connection(address) for _ in range(in_flight)]
    by_file = {connection.socket.fileno(): connection for connection in connections}
    poll = select.epoll()
    for fileno in by_file:
        poll.register(fileno, select.EPOLLIN)
    answers, latencies = [b""] * len(requests), [0.0] * len(requests)
    firsts = [0.0] * len(requests) if streamed else []
    ended: Callable[[bytearray], bool] = stream_ended if streamed else whole_ended
    todo = iter(enumerate(requests))
    began, cpu = time.perf_counter(), time.process_time()
    for connection in connections:
        connection.send(*next(todo))
    waiting = in_flight
    while waiting:
        ready = poll.poll()
        now = time.perf_counter()
        for fileno, _ in ready:
            connection = by_file[fileno]
            connection.receive()
            if streamed and connection.first is None and EVENT in connection.answer:
                connection.first = now - connection.began
            if not ended(connection.answer):
                continue
            answers[connection.place] = bytes(connection.answer)
            latencies[connection.place] = now - connection.began
            if streamed:
                firsts[connection.place] = connection.first or 0.0
            if following := next(todo, None):
                connection.send(*following)
            else:
                # Not watched any longer: a server may close it before the last answer is there.
                poll.unregister(fileno)
                waiting -= 1
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    for connection in connections:
        connection.socket.close()
    run = Run(seconds=seconds, texts=[], latencies=latencies, firsts=firsts, cpu=cpu)
    return run, answers


def dechunked(body: bytes) -> bytes:
    """Return the payload of a body in chunks."""
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(parts)


def read(answer: bytes, kind: str) -> tuple[str, int]:
    """Return an answer's text, and the tokens that it has or, if *kind* is "scored", scores.

    A scored prompt's text is the token that follows it. Raises RuntimeError for any status but 200.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise RuntimeError(answer.decode(errors="replace"))
    if kind == "scored":
        told = json.loads(body)["choices"][0]["logprobs"]
        if None in told["token_logprobs"][1:]:
            raise RuntimeError("a token has no log probability")
        return told["tokens"][-1], len(told["token_logprobs"]) - 1
    if kind == "whole":
        whole = json.loads(body)
        return whole["choices"][0]["message"]["content"], whole["usage"]["completion_tokens"]
    *events, done, nothing = dechunked(body).split(b"\n\n")
    if done != b"data: [DONE]" or nothing:
        raise RuntimeError(f"a stream ended with {done + nothing!r}")
    chunks = [json.loads(event.removeprefix(EVENT)) for event in events]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    text = "".join(delta.get("content") or "" for delta in deltas)
    return text, chunks[-1]["usage"]["completion_tokens"]


def work(
    *,
    url: str,
    model: str,
    fields: dict[str, Any],
    prompts: list[str] | list[list[int]],
    in_flight: int,
    kind: str,
) -> Run:
    """Have *prompts* answered by *model* at *url*.

    Raises RuntimeError for an answer that is not 200, or has not as many tokens as were asked for:
    `max_tokens`, or if *kind* is "scored" those of its prompt.
    """
    at = urlsplit(url)
    fields = {"model": model, **fields}
    streamed = kind == "streamed"
    if streamed:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    requests = [request(at.netloc, fields, prompt) for prompt in prompts]
    address = (str(at.hostname), int(at.port or 80))
    run, answers = exchange(address, requests, in_flight, streamed=streamed)
    for prompt, answered in zip(prompts, answers, strict=True):
        text, tokens = read(answered, kind)
        wanted = len(prompt) if kind == "scored" else fields["max_tokens"]
        if tokens != wanted:
            raise RuntimeError(f"{tokens} tokens instead of {wanted}: {text!r}")
        run.texts.append(text)
    return run


if __name__ == "__main__":
    answer(work)
