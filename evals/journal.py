"""Writes the results file: a line per finished sample, sorted by the manifest when the run ends."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from evals.failures import NotARun
from evals.files import encoded, whole_lines, write, writing
from evals.result import Result


class Journal:
    """Results in memory and on disk; a crash loses no answer.

    A file that exists is continued: of several results of a sample the last counts, and half a
    line at its end, which a kill may leave, is cut off. Every method raises CannotWrite, also for a
    full disk.
    """

    def __init__(self, path: Path, watch: Callable[[Result], None]) -> None:
        self._path = path
        self._watch = watch
        self._results: dict[tuple[int, int], Result] = {}

    @property
    def results(self) -> list[Result]:
        """The last result of each sample and repeat, in this order."""
        return [self._results[key] for key in sorted(self._results)]

    @property
    def elapsed(self) -> float:
        """The seconds that the run has lasted; of its parts before, until their last results."""
        return time.perf_counter() - self._start

    def __enter__(self) -> Self:
        """Read the results of the parts before. Raises NotARun for a file of something else."""
        before = recorded(self._path)
        self._results = {(result.index, result.repeat): result for result in before}
        self._start = time.perf_counter() - max((r.elapsed for r in before), default=0.0)
        with writing(self._path):
            self._file = self._path.open("ab")
        return self

    def add(self, result: Result) -> None:
        """Write *result*, then call the watcher with it."""
        result = msgspec.structs.replace(result, elapsed=self.elapsed)
        self._results[result.index, result.repeat] = result
        with writing(self._path):
            self._file.write(encoded(result) + b"\n")
            self._file.flush()
        self._watch(result)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with writing(self._path):
            self._file.close()
        write(self._path, b"".join(encoded(result) + b"\n" for result in self.results))


def recorded(path: Path) -> list[Result]:
    """Return the results in *path*, none if it is missing; cut off half a line at its end."""
    try:
        return [msgspec.json.decode(line, type=Result) for line in whole_lines(path)]
    except msgspec.DecodeError as error:
        raise NotARun(f"{path} has a line that is not a result: {error}") from error
