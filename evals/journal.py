"""Writes the results file: a line per finished sample, sorted by the manifest when the run ends."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from evals.failures import CannotWrite
from evals.result import Result


class Journal:
    """Results in memory and on disk; a crash loses no answer.

    The file must not exist yet. Every method raises CannotWrite, also for a full disk.
    """

    def __init__(self, path: Path, watch: Callable[[Result], None]) -> None:
        self._path = path
        self._watch = watch
        self.results: list[Result] = []

    def __enter__(self) -> Self:
        with _writing(self._path):
            self._file = self._path.open("xb")
        return self

    def add(self, result: Result) -> None:
        """Write *result*, then call the watcher with it."""
        self.results.append(result)
        with _writing(self._path):
            self._file.write(encoded(result) + b"\n")
            self._file.flush()
        self._watch(result)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _writing(self._path):
            self._file.close()
        self.results.sort(key=lambda result: result.index)
        lines = b"".join(encoded(result) + b"\n" for result in self.results)
        write(self._path, lines)


def encoded(value: msgspec.Struct) -> bytes:
    """Return *value* as JSON; U+FFFD replaces each half of a surrogate pair.

    UTF-8 cannot hold such a half. An answer may contain one, and so may the name of a file.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        return text.encode(errors="surrogatepass").decode(errors="replace").encode()


def write(path: Path, content: bytes) -> None:
    """Replace the file *path* by one with *content*, or not at all. Raises CannotWrite."""
    draft = path.with_name(f".{path.name}.draft")
    with _writing(path):
        draft.write_bytes(content)
        os.replace(draft, path)  # noqa: PTH105 - Path.replace is the same call with a worse name


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite.to(path, error) from error
