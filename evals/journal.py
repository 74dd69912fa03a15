"""The results file: a line per sample as it finishes, in the manifest's order once the run ends."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from evals.runner import Result


class Journal:
    """Results, in memory and on disk: a crash loses nothing that was answered."""

    def __init__(self, path: Path, watch: Callable[[Result], None]) -> None:
        self._path = path
        self._watch = watch
        self.results: list[Result] = []

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        return self

    def add(self, result: Result) -> None:
        """Keep *result*, then show it to the watcher."""
        self.results.append(result)
        self._file.write(msgspec.json.encode(result) + b"\n")
        self._file.flush()
        self._watch(result)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self.results.sort(key=lambda result: result.index)
        lines = b"".join(msgspec.json.encode(result) + b"\n" for result in self.results)
        write(self._path, lines)


def write(path: Path, content: bytes) -> None:
    """Replace *path* whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    os.replace(draft, path)  # noqa: PTH105 - Path.replace is the same call with a worse name
