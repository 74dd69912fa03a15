"""Counts what requests leave to the garbage collector: a server and its client in one process.

python -m tests.garbage PATH BODY    prints the number of unreachable objects after 50 requests
"""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from http.client import HTTPConnection

from backends.config import FakeModelConfig
from shim.server import bind, run, serve_until_signal, url
from shim.serving.models import Models
from shim.settings import Settings

REQUESTS = 50

SETTINGS = Settings(models=(FakeModelConfig(id="echo", source="chat"),))


def _in_loop(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Run *function* in *loop*, from another thread; return when it has ended."""
    done = threading.Event()
    loop.call_soon_threadsafe(lambda: (function(), done.set()))
    done.wait()


def _freeze() -> None:
    gc.collect()
    gc.freeze()
    gc.disable()


def _client(base: str, loop: asyncio.AbstractEventLoop) -> None:
    # Not httpx, whose own requests leave cycles.
    http = HTTPConnection(base.removeprefix("http://"))

    def post() -> None:
        http.request("POST", sys.argv[1], sys.argv[2], {"content-type": "application/json"})
        http.getresponse().read()

    for _ in range(20):  # what is made only once is made now
        post()
    _in_loop(loop, _freeze)
    for _ in range(REQUESTS):
        post()
    _in_loop(loop, lambda: print("unreachable:", gc.collect()))  # noqa: T201  the result
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until the client has its number."""
    with bind("127.0.0.1", 0) as address:

        def listening(_: Models) -> None:
            loop = asyncio.get_running_loop()
            threading.Thread(target=_client, args=(url(address), loop)).start()

        run(serve_until_signal(SETTINGS, address, None, listening, lambda: SETTINGS))


if __name__ == "__main__":
    main()
