"""Reads the input file of a batch: checks every line, and notes where each one is."""

import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from msgspec import Raw, Struct

from shim.errors import InvalidParameter, invalid, shortened

from .lines import Lines

MOST_FAULTS = 100
"""Most faults of one file that are reported; its first ones."""

_CUSTOM_ID_CHARACTERS = 512
_FIRST = re.compile(rb"\[\s*(.)")
"""Matches a list to the first byte of its first item."""

_SHOWN_BYTES = 200
"""Most bytes of a value from the file that a message repeats."""


class Fault(Struct, frozen=True):
    """What is wrong with an input file, in OpenAI's shape."""

    code: str
    message: str
    line: int | None = None
    """The number of the line, from 1; None: it concerns the whole file."""
    param: str | None = None
    """The path of the field in the line; None: it is not a field."""


class BadInput(Exception):
    """A file that cannot be run: all its faults, or the first `MOST_FAULTS`, by their lines."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faults, the first: {faults[0].message}")
        self.faults = faults


class _Body(Struct, frozen=True):
    """What is checked of a body here; the route checks the rest when the line runs."""

    model: str
    stream: bool | None = None
    input: Raw = Raw()


class _Line(Struct, frozen=True):
    custom_id: str
    method: str
    url: str
    body: _Body


class _Refused(Exception):
    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def check(
    lines: Lines, *, endpoint: str, most_lines: int, most_inputs: int, line_bytes: int
) -> None:
    """Check that all *lines* are valid requests to *endpoint*, and note where each is.

    *most_inputs* is how many texts all lines together may have for embeddings.
    Takes about 4 µs a line, and memory for one line; to be called in a thread. Blank lines are
    passed over. Raises BadInput, and OSError if the file cannot be read.
    """
    with lines.path.open("rb") as source:
        faults = _Check(lines, endpoint, most_lines, most_inputs).faults_of(source, line_bytes)
    if faults:
        raise BadInput(faults)


class _Check:
    """One pass over a file, which fills *lines*."""

    def __init__(self, lines: Lines, endpoint: str, most_lines: int, most_inputs: int) -> None:
        self._lines = lines
        self._endpoint = endpoint
        self._most_lines = most_lines
        self._most_inputs = most_inputs
        self._inputs = 0
        self._seen: set[int] = set()
        self._models: dict[str, int] = {}
        self._decoder = msgspec.json.Decoder(_Line)

    def faults_of(self, source: BinaryIO, line_bytes: int) -> list[Fault]:
        faults: list[Fault] = []
        count = 0
        for number, begin, text in _read(source, line_bytes):
            count += 1
            if count > self._most_lines:
                return [_too_many("too_many_tasks", "requests", self._most_lines)]
            try:
                self._take(begin, text, line_bytes)
            except _Refused as fault:
                faults.append(Fault(fault.code, str(fault), number, fault.param))
            if self._inputs > self._most_inputs:
                return [_too_many("too_many_inputs", "embedding inputs", self._most_inputs)]
            if len(faults) == MOST_FAULTS:
                return faults
        if not count:
            faults.append(Fault("empty_file", "The file has no requests."))
        return faults

    def _take(self, begin: int, text: bytes, line_bytes: int) -> None:
        if len(text) > line_bytes:
            raise _Refused("line_too_large", f"The line has more than {line_bytes} bytes.")
        line = self._decoded(text)
        self._check_target(line)
        self._check_id(line.custom_id)
        if line.body.stream:
            raise _Refused(
                "unsupported_parameter", "A batch cannot stream: leave `stream` out.", "body.stream"
            )
        if self._endpoint == "/v1/embeddings":
            self._inputs += _count(line.body.input)
        name = line.body.model
        if (model := self._models.get(name)) is None:
            model = self._models[name] = len(self._models)
            self._lines.models.append(name)
        self._lines.add(begin, len(text), model)

    def _decoded(self, text: bytes) -> _Line:
        try:
            return self._decoder.decode(text)
        except msgspec.ValidationError as error:
            fault = invalid(error)
            raise _Refused(_code(fault), str(fault), fault.param) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Refused("invalid_json_line", f"The line is not valid JSON: {error}.") from error

    def _check_target(self, line: _Line) -> None:
        if line.method != "POST":
            raise _Refused("invalid_method", "The method must be POST.", "method")
        if line.url != self._endpoint:
            shown = shortened(line.url, _SHOWN_BYTES)
            raise _Refused(
                "mismatched_endpoint",
                f"The line is for {shown!r}, the batch for {self._endpoint!r}.",
                "url",
            )

    def _check_id(self, custom_id: str) -> None:
        if not 0 < len(custom_id) <= _CUSTOM_ID_CHARACTERS:
            raise _Refused(
                "invalid_custom_id",
                f"`custom_id` must have 1 to {_CUSTOM_ID_CHARACTERS} characters.",
                "custom_id",
            )
        # Its hash of 64 bits: two of 50,000 are equal by chance once in ten billion files.
        if (seen := hash(custom_id)) in self._seen:
            shown = shortened(custom_id, _SHOWN_BYTES)
            raise _Refused(
                "duplicate_custom_id", f"An earlier line has the custom_id {shown!r}.", "custom_id"
            )
        self._seen.add(seen)


def _too_many(code: str, what: str, most: int) -> Fault:
    return Fault(code, f"The file has more than {most} {what}: split it.")


def _count(given: Raw) -> int:
    """Return how many texts the `input` of a request for embeddings has, without decoding it."""
    text = bytes(given)
    found = _FIRST.match(text)
    match found and found[1]:
        case b"[":
            return text.count(b"[") - 1
        case b'"':
            # Without escaped quotation marks, two are one text.
            return text.replace(rb"\\", b"").replace(rb"\"", b"").count(b'"') // 2
        case b"]":
            return 0
        case _:
            return 1  # a text, or its token ids


def _read(source: BinaryIO, line_bytes: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, position and text of each line that is not blank.

    Of a line of more than *line_bytes*, only its beginning is yielded, which is longer than that.
    """
    number, position = 0, 0
    while text := source.readline(line_bytes + 1):
        number, begin = number + 1, position
        position += len(text)
        first = text
        while not text.endswith(b"\n") and (text := source.readline(line_bytes + 1)):
            position += len(text)
        if first.strip():
            yield number, begin, first


def _code(fault: InvalidParameter) -> str:
    missing = str(fault).startswith("Missing")
    return "missing_required_parameter" if missing else "invalid_parameter"
