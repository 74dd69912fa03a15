"""Decodes large JSON bodies in a child process, so that they do not block the event loop.

msgspec holds the interpreter's lock for a whole call, in any thread: 50 ms for a text of 64 MB,
345 ms for an object of a million members. In the child it is another interpreter's lock. A refused
body costs the server one copy of it through a pipe. An accepted body returns pickled, and is loaded
in a thread that pauses every fraction of a millisecond (see `json_child`).
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

from .json_child import DecodeJob, Refusal
from .json_decoding import Rules

T = TypeVar("T")

_SECONDS = 30.0
"""Most seconds for one body. The worst 64 MiB take about one second on an idle machine."""

_MEMORY_BYTES = 1 << 30
"""Bytes of the child's address space. A body of 64 MiB takes half of it."""

_PIPE_BYTES = 1 << 20
"""Capacity of the pipes to and from the child."""

# Not `-m`: classes of the module `__main__` cannot be unpickled in another process.
_COMMAND = "from shim.http.json_child import main; main({})"


class JsonWorker:
    """One child process, started when it is first needed, and again if it has died.

    A context manager, whose exit ends the child. If the server is killed, the child reads the end
    of its input and ends by itself.
    """

    def __init__(self, *, seconds: float = _SECONDS, memory_bytes: int = _MEMORY_BYTES) -> None:
        """Decode one body within *seconds*, in an address space of *memory_bytes*."""
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        # One thread, so that bodies are decoded one after the other. A body whose request is
        # cancelled is not decoded if it still waits; if it has begun, its result is dropped.
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
        """Return *body* decoded as the type *kind*, or the result of *kind* for the decoded JSON.

        For the type Peeked it is what `peeked` returns, which may be None.

        A function *kind* must be defined at the top of a module, and so must the type of its
        result. Raises what `json_decoding.decoded` does, any ApiError of the function,
        InvalidParameter for a text of more than `text_characters` and DecoderFailed.
        """
        loop = asyncio.get_running_loop()
        reply = await loop.run_in_executor(self._thread, self._exchange, body, kind, rules)
        if isinstance(reply, Refusal):
            raise reply.kind(reply.message, param=reply.param)
        return cast("T", reply)

    def _exchange(self, body: bytes | bytearray, kind: Any, rules: Rules) -> Any:
        """Send *body* to the child and return its reply: a value or a Refusal."""
        child = self._running_child()
        stdin, stdout = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
        timer = threading.Timer(self._seconds, child.kill)
        timer.start()
        try:
            pickle.dump(DecodeJob(kind=kind, rules=rules, size=len(body)), stdin)
            stdin.write(body)
            stdin.flush()
            return _Unpickler(stdout).load()
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self._end()
            raise DecoderFailed("The process that decodes large bodies has died.") from error
        finally:
            timer.cancel()

    def _running_child(self) -> "subprocess.Popen[bytes]":
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._child is None:
            self._child = _start(self._memory_bytes)
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with suppress(BrokenPipeError):  # unread bytes are lost
                cast("IO[bytes]", child.stdin).close()
            cast("IO[bytes]", child.stdout).close()
            child.wait()


def _start(memory_bytes: int) -> "subprocess.Popen[bytes]":
    # The child finds modules where this process does, but not in its working directory.
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-P", "-c", _COMMAND.format(memory_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pipesize=_PIPE_BYTES,
        env={**os.environ, "PYTHONPATH": paths},
        # Ctrl-C in a terminal must not reach the child: the server handles it.
        start_new_session=True,
    )


class _Unpickler(pickle.Unpickler):
    """Loads the values that `json_child` pickles."""

    def persistent_load(self, pid: Any) -> Any:
        """Return the value in the list *pid*, or the string whose pieces are in the tuple *pid*.

        The call itself is the purpose: other threads can run only here, in Python code.
        """
        if isinstance(pid, list):
            return pid[0]
        text = ""
        for piece in pid:
            text += piece  # in place: CPython extends a string without other references
        return text
