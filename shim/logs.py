"""Logs to standard error, one line for each record, without ever blocking the server.

A thread writes the records. If standard error is not read (a full pipe, a stopped terminal), the
thread waits and the server goes on: records beyond a bound are dropped, and their number is logged
when there is room again.
"""

import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from shim.serving.request_record import CURRENT

LogFormat: TypeAlias = Literal["text", "json"]
"""How a record is written: as a line of text, or as a JSON object on a line."""

_QUEUED = 10_000
"""Most records that wait to be written."""

_LAST_SECONDS = 1.0
"""Most seconds to write the last records when the process ends."""

_STDERR = 2
"""The file descriptor of standard error."""

_FORMAT = "%(asctime)s %(name)s %(message)s"

_ESCAPES = {
    **{number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))},
    **{number: f"\\u{number:04x}" for number in (*range(0x2028, 0x202F), *range(0x2066, 0x206A))},
}
"""Characters that could forge a record or change the state of a terminal, with their escapes:
control characters, line breaks, and those that change the direction of writing."""


class OneLineFormatter(logging.Formatter):
    """Formats a record as one line, and its traceback as indented lines after it.

    Named arguments that the message does not use follow it, as `name=value`.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Return the line, with its control characters escaped."""
        named = _named(record).items()
        rest = [f" {name}={value}" for name, value in named if f"%({name})" not in record.msg]
        line = "".join([super().formatMessage(record).rstrip("\n"), *rest])
        return line.translate(_ESCAPES)

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's name
        """Return the traceback, indented so that its lines do not look like records."""
        text = super().formatException(ei)
        return "\n".join(f"    {line}" for line in text.splitlines())


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, in ASCII.

    Named arguments of the message are fields, and so is the traceback. A record made while a
    request is handled has that request's id.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request := CURRENT.get()) is not None:
            line["request_id"] = request.id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # Twice: an argument does not replace what all lines have.
        return json.dumps(line | _named(record) | line, default=str)


def _named(record: logging.LogRecord) -> dict[str, Any]:
    """Return the named arguments of *record*: those of a message such as "%(status)s"."""
    return record.args if isinstance(record.args, dict) else {}


class DroppingHandler(logging.Handler):
    """Queues records for a thread that writes them; drops a record if the queue is full."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        """*write* may block, and returns how many of the bytes it has written."""
        super().__init__()
        self._write = write
        self._lines: queue.Queue[str | None] = queue.Queue(_QUEUED)
        self._dropped = 0
        """Records dropped since the last one that was queued."""
        self._thread = threading.Thread(target=self._write_lines, daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue *record* as a line, or count it as dropped."""
        try:
            if self._dropped:
                dropped = _dropped(self._dropped)
                self._lines.put_nowait(f"{self.format(dropped)}\n")
                self._dropped = 0
            self._lines.put_nowait(f"{self.format(record)}\n")
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Wait until the queue is written, for a second at most."""
        # A full queue means that nobody reads the log: waiting would not help.
        with suppress(queue.Full):
            self._lines.put_nowait(None)
            self._thread.join(_LAST_SECONDS)
        super().close()

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            left = line.encode(errors="backslashreplace")
            try:
                while left:
                    left = left[self._write(left) :]
            # The reader has closed its end: later records cannot be written either.
            except OSError:
                return


def _dropped(number: int) -> logging.LogRecord:
    message = "%d records dropped: nobody read the log"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, (number,), None)


@contextmanager
def logging_to_stderr(level: str, log_format: LogFormat = "text") -> Iterator[None]:
    """Log records of *level* and above to standard error until the block ends."""
    # Without a buffer: at its end the interpreter would wait for the buffer's lock.
    with open(os.dup(_STDERR), "wb", buffering=0) as stderr:  # noqa: PTH123  a number
        handler = DroppingHandler(stderr.write)
        formatter = JsonFormatter() if log_format == "json" else OneLineFormatter(_FORMAT)
        handler.setFormatter(formatter)
        logging.basicConfig(level=level, handlers=[handler])
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
