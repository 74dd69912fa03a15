"""A real HTTP server on 127.0.0.1 that sends the replies of a test's script, faults included.

Run as a program it prints its address as `shim serve` does and answers everything, until SIGTERM;
with a word after it, it refuses every request, dies at the first one or at one with a certain word,
has its parent stopped at the first one, or dies at once.
"""

import json
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.threaded_http import ThreadedHttp


@dataclass(frozen=True)
class Request:
    """A request that arrived: path, headers in lower case, body as bytes."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """A reply, sent when *hold* is set. *cut* breaks the connection before the end."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hold: threading.Event | None = None


def completion(text: str | None, *, reason: str = "stop", usage: bool = True) -> Reply:
    """Return a whole chat completion."""
    found: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "choices": [
            {
                "index": 0,
                "finish_reason": reason,
                "message": {"role": "assistant", "content": text},
            }
        ],
    }
    if usage:
        found["usage"] = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return Reply(body=json.dumps(found).encode(), headers={"x-request-id": "req-1"})


def models(*names: str) -> Reply:
    """Return a list of models."""
    cards = [{"id": name, "object": "model", "created": 1, "owned_by": "o"} for name in names]
    return Reply(body=json.dumps({"object": "list", "data": cards}).encode())


def transcription(text: str) -> Reply:
    """Return a whole transcription."""
    return Reply(body=json.dumps({"text": text}).encode())


def error(status: int, message: str = "no", **headers: str) -> Reply:
    """Return an error in OpenAI's form, which allows a retry at once."""
    body = {"error": {"message": message, "type": "server_error", "param": None, "code": "broken"}}
    return Reply(
        status,
        json.dumps(body).encode(),
        headers={"retry-after-ms": "1", "x-request-id": "req-bad", **headers},
    )


def stream(*events: dict[str, Any], done: bool = True, cut: bool = False) -> Reply:
    """Return server-sent events."""
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    lines += ["data: [DONE]\n\n"] if done else []
    return Reply(body="".join(lines).encode(), kind="text/event-stream", cut=cut)


def chunk(text: str | None = None, reason: str | None = None) -> dict[str, Any]:
    """Return one chunk of a chat stream."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    kind = "chat.completion.chunk"
    return {"id": "c", "object": kind, "created": 1, "model": "served", "choices": [choice]}


def usage_chunk(completion_tokens: int) -> dict[str, Any]:
    """Return the last chunk of a chat stream."""
    usage = {"prompt_tokens": 3, "completion_tokens": completion_tokens, "total_tokens": 9}
    return chunk() | {"choices": [], "usage": usage}


class ScriptedServer(ThreadedHttp):
    """Answers with the next scripted reply; after the last with the value of *otherwise*."""

    def __init__(
        self, otherwise: Callable[[Request], Reply] | None = None, *, port: int = 0
    ) -> None:
        self.script: deque[Reply] = deque()
        self.requests: list[Request] = []
        self.unready = 0
        self.models = models("m")
        self.otherwise = otherwise or (lambda _: completion("4"))
        super().__init__(self._handler(), port)
        self.base_url = f"{self.address}/v1"

    def next_reply(self, request: Request) -> Reply:
        """Record *request* and choose the answer."""
        if request.path in {"/ready", "/v1/models"}:
            self.unready -= 1
            return Reply(503) if self.unready >= 0 else self.models
        self.requests.append(request)
        return self.script.popleft() if self.script else self.otherwise(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body are two writes; held back, the second costs 40 ms.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.answer(server.next_reply(Request(self.path, headers, body, self.command)))

            do_GET = do_DELETE = do_POST  # noqa: N815 - the names that http.server calls

            def answer(self, reply: Reply) -> None:
                if reply.hold is not None:
                    reply.hold.wait(5)
                length = len(reply.body) + (100 if reply.cut else 0)
                self.send_response(reply.status)
                self.send_header("content-type", reply.kind)
                self.send_header("content-length", str(length))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                # A client that was cancelled or timed out is no longer there.
                with suppress(ConnectionError):
                    self.end_headers()
                    self.wfile.write(reply.body)
                self.close_connection = reply.cut

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def everything(request: Request) -> Reply:
    """Answer either endpoint."""
    return transcription("four") if "audio" in request.path else completion("4")


def death(_: Request) -> Reply:
    """End the process in the middle of an evaluation."""
    sys.stdout.write("out of memory\n")
    sys.stdout.flush()
    os._exit(3)


def poisonable(request: Request) -> Reply:
    """End the process at a request that has the word poison, else answer."""
    return death(request) if b"poison" in request.body else everything(request)


def treason(_: Request) -> Reply:
    """Have the evaluation stopped while it waits for us."""
    os.kill(os.getppid(), signal.SIGTERM)
    return Reply(hold=threading.Event())


def main(fate: str = "answers", farewell: str = os.devnull, port: str = "0") -> None:
    """Serve at *port* until SIGTERM, then write to the file *farewell*."""
    if fate == "stillborn":
        sys.exit("no such model")
    refusal = error(400)
    answers = {
        "answers": everything,
        "refuses": lambda _: refusal,
        "dies": death,
        "poisonable": poisonable,
        "betrays": treason,
    }
    # Blocked in every thread, so that only sigwait sees it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with ScriptedServer(answers[fate], port=int(port)) as server:
        sys.stdout.write(f"pid {os.getpid()} on {server.base_url}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM})
        Path(farewell).write_text("stopped in order")
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
