"""Meanwhile: how soon `/health` answers, and how evenly a chat streams. A process of its own.

    python -m tools.soak.probes URL

It ends when its input does, and then prints its figures as JSON, in seconds.
"""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

_PAUSE = 0.01
_CHAT = json.dumps(
    {
        "model": "gpt-4o-mini",
        "stream": True,
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
    }
)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which *share* of *values* lie."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def figures(values: list[float]) -> dict[str, float]:
    """Return what is told of *values*."""
    return {
        "count": len(values),
        "p50": percentile(values, 0.5),
        "p99": percentile(values, 0.99),
        "max": max(values),
    }


def health(host: str, ended: threading.Event) -> list[float]:
    """Ask `/health` again and again; return how long each answer took."""
    connection = http.client.HTTPConnection(host)
    took = []
    while not ended.wait(_PAUSE):
        began = time.perf_counter()
        connection.request("GET", "/health")
        connection.getresponse().read()
        took.append(time.perf_counter() - began)
    return took


def chat(host: str, ended: threading.Event) -> list[float]:
    """Stream one answer after the other; return the times between two events of a stream."""
    gaps = []
    while not ended.wait(_PAUSE):
        connection = http.client.HTTPConnection(host)
        head = {"content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", _CHAT, head)
        answer = connection.getresponse()
        last = time.perf_counter()
        while line := answer.readline():
            if line.startswith(b"data:"):
                now = time.perf_counter()
                gaps.append(now - last)
                last = now
        connection.close()
    return gaps


def main() -> None:
    """Probe until the input ends."""
    host, ended, found = urlsplit(sys.argv[1]).netloc, threading.Event(), {}

    def run(name: str, probe: object) -> None:
        found[name] = figures(probe(host, ended))  # type: ignore[operator]

    probes = {"health": health, "chat": chat}
    threads = [threading.Thread(target=run, args=pair) for pair in probes.items()]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
