"""Decodes large JSON bodies in a child process, so that the event loop stands still for none.

msgspec holds the interpreter's lock for a whole call, in any thread: 50 ms for a text of 64 MB,
345 ms for an object of a million members. In the child it holds another interpreter's. What the
child refuses costs the server a copy of the body through a pipe; what it accepts comes back
pickled, and is loaded in a thread that pauses every fraction of a millisecond (`json_child`).
"""

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any, Self, TypeVar, cast

from shim.errors import DecoderFailed

from .json_child import Question, Refusal
from .json_decoding import Rules

T = TypeVar("T")

_SECONDS = 30.0
"""Seconds that one body may take; 64 MiB of the worst take about one on an idle machine."""

_MEMORY_BYTES = 1 << 30
"""Address space of the child. A body of 64 MiB takes half of it."""

_PIPE_BYTES = 1 << 20

# Not `-m`: the classes of a module that is run as `__main__` cannot be pickled for another process.
_COMMAND = "from shim.http.json_child import main; main({})"


class JsonWorker:
    """One child process, started when it is first needed, again if it has died.

    A context manager: leaving it ends the child. A child whose server is killed reads the end of
    its input, and ends by itself.
    """

    def __init__(self, *, seconds: float = _SECONDS, memory_bytes: int = _MEMORY_BYTES) -> None:
        """Give one body at most *seconds*, and the child an address space of *memory_bytes*."""
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        # One thread, so that bodies are decoded one after the other. A request that is cancelled
        # while it waits is never begun; one that has begun is finished for nobody.
        self._thread = ThreadPoolExecutor(1, "json")
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._child is not None:
            self._child.kill()
        self._thread.shutdown()
        self._end()

    async def decode(
        self, body: bytes | bytearray, kind: type[T] | Callable[[Any], T], rules: Rules
    ) -> T:
        """Return *body* as *kind*, or what the function *kind* makes of its JSON.

        A function has to be one of a module, and so has what it returns. Raises what
        `decoding.decoded` does, what the function raises of ApiErrors, InvalidParameter for a
        text of more than `text_characters` and DecoderFailed.
        """
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._thread, self._ask, body, kind, rules)
        if isinstance(answer, Refusal):
            raise answer.kind(answer.message, param=answer.param)
        return cast("T", answer)

    def _ask(self, body: bytes | bytearray, kind: Any, rules: Rules) -> Any:
        child = self._running()
        sent, came = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
        timer = threading.Timer(self._seconds, child.kill)
        timer.start()
        try:
            pickle.dump(Question(kind=kind, rules=rules, size=len(body)), sent)
            sent.write(body)
            sent.flush()
            return _Unpickler(came).load()
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self._end()
            raise DecoderFailed("The process that decodes large bodies has died.") from error
        finally:
            timer.cancel()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._child is None:
            self._child = _started(self._memory_bytes)
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with suppress(BrokenPipeError):  # what it has not read is lost
                cast("IO[bytes]", child.stdin).close()
            cast("IO[bytes]", child.stdout).close()
            child.wait()


def _started(memory_bytes: int) -> "subprocess.Popen[bytes]":
    # The same places for modules as here, and not the working directory.
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-P", "-c", _COMMAND.format(memory_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pipesize=_PIPE_BYTES,
        env={**os.environ, "PYTHONPATH": paths},
        # Ctrl-C in a terminal is the server's affair.
        start_new_session=True,
    )


class _Unpickler(pickle.Unpickler):
    """Loads what `json_child` pickled."""

    def persistent_load(self, pickled: Any) -> Any:
        """Return the value in a list, or the string whose pieces are in a tuple.

        To be called is what counts: between two calls no other thread can run.
        """
        if isinstance(pickled, list):
            return pickled[0]
        text = ""
        for piece in pickled:
            text += piece  # in place: CPython lengthens a string that nobody else holds
        return text
