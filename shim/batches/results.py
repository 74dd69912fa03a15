"""The results of a running batch: one for each line, in the order in which they come."""

import logging
import os
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from .batch import Counts
from .lines import Lines
from .part_file import PartFile
from .usage import Usage, usage_of

log = logging.getLogger(__name__)

_ANSWERED = range(200, 300)


class Response(Struct, frozen=True):
    """The answer to one line; also an error's, whose body is OpenAI's."""

    status_code: int
    request_id: str
    body: Raw


class LineError(Struct, frozen=True):
    """Why a line has no answer."""

    code: str
    message: str


class Result(Struct, frozen=True):
    """One line of a file of results; either `response` or `error` is None."""

    id: str
    """The batch's own id and the index of the line, from 0."""
    custom_id: str
    response: Response | None
    error: LineError | None

    @property
    def is_answer(self) -> bool:
        """Whether the line belongs to the file of answers, not to that of errors."""
        return self.response is not None and self.response.status_code in _ANSWERED


def result_id(batch: str, index: int) -> str:
    """Return the id of the result of the line *index*."""
    return f"batch_req_{batch.removeprefix('batch_')}_{index}"


class _Found(Struct):
    """What is read again of a result."""

    id: str
    response: Response | None


class Results:
    """The results of one batch in its folder, those of earlier processes included."""

    def __init__(self, folder: Path, batch: str, count: int) -> None:
        """Open the files in *folder*, which need not exist, for *count* lines; `read` them next."""
        self._batch = batch
        self._folder = folder
        self._answers = _Part(folder / "output.jsonl.part", count)
        self._errors = _Part(folder / "errors.jsonl.part", count)
        self.counts = Counts(total=count)
        self.usage = Usage()

    def read(self) -> None:
        """Find the results that are there. Takes about 3 µs a result; to be called in a thread."""
        decoder = msgspec.json.Decoder(_Found)
        for part in (self._answers, self._errors):
            for position, text in part.file.lines():
                self._find(part, position, text, decoder)

    def _find(
        self, part: "_Part", position: int, text: bytes, decoder: msgspec.json.Decoder[_Found]
    ) -> None:
        try:
            found = decoder.decode(text)
        except msgspec.DecodeError:
            log.warning("%s: a result cannot be read, its line runs again", part.file.path)
            return
        index = int(found.id.rpartition("_")[2])
        if index in self:
            return
        part.note(index, position, len(text))
        body = found.response.body if part is self._answers and found.response else None
        self._count(body)

    def _count(self, answer: bytes | Raw | None) -> None:
        """Count one more result; *answer* is the body of an answer, None for an error."""
        counts = self.counts
        if answer is None:
            self.counts = replace(counts, failed=counts.failed + 1)
            return
        self.counts = replace(counts, completed=counts.completed + 1)
        self.usage += usage_of(answer)

    def __contains__(self, index: int) -> bool:
        return self._answers.has(index) or self._errors.has(index)

    @property
    def are_complete(self) -> bool:
        """Whether each line has its result."""
        return self.counts.completed + self.counts.failed == self.counts.total

    async def add(self, result: Result) -> None:
        """Write *result*; return once it is on the disk. Raises OSError."""
        part = self._answers if result.is_answer else self._errors
        await part.file.append(msgspec.json.encode(result) + b"\n")
        self._count(result.response.body if result.response and result.is_answer else None)

    def write_files(self, lines: Lines, unfinished: LineError) -> tuple[Path | None, Path | None]:
        """Write the files of answers and of errors; return their paths, None for an empty one.

        Results are in the order of *lines*. Lines without a result get *unfinished*. To be called
        in a thread, when nothing is added any more, on results that were read again.
        """
        answers = self._folder / "output.jsonl"
        errors = self._folder / "errors.jsonl"
        _write_file(answers, len(lines), self._answers.text)
        _write_file(errors, len(lines), partial(self._error, lines, unfinished))
        return _unless_empty(answers), _unless_empty(errors)

    def _error(self, lines: Lines, unfinished: LineError, index: int) -> bytes:
        if index in self:
            return self._errors.text(index)
        custom_id = lines.request(index).custom_id
        result = Result(result_id(self._batch, index), custom_id, None, unfinished)
        return msgspec.json.encode(result) + b"\n"

    async def close(self) -> None:
        """Wait for what is being written, then close the files."""
        await self._answers.file.close()
        await self._errors.file.close()


class _Part:
    """A part file, and where the results are in it that it had when it was opened."""

    def __init__(self, path: Path, count: int) -> None:
        self.file = PartFile(path)
        self._positions = array("Q", bytes(8 * count))
        self._lengths = array("I", bytes(4 * count))

    def note(self, index: int, position: int, length: int) -> None:
        self._positions[index] = position
        self._lengths[index] = length

    def has(self, index: int) -> bool:
        return self._lengths[index] > 0

    def text(self, index: int) -> bytes:
        return self.file.read(self._positions[index], self._lengths[index])


def _write_file(path: Path, count: int, text: Callable[[int], bytes]) -> None:
    with path.open("wb", buffering=1 << 20) as file:
        for index in range(count):
            file.write(text(index))
        file.flush()
        os.fsync(file.fileno())


def _unless_empty(path: Path) -> Path | None:
    if path.stat().st_size:
        return path
    path.unlink()
    return None
