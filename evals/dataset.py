"""Manifests: JSON lines of audio, messages or questions with choices, checked before use."""

import codecs
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec

from evals.failures import ManifestError

FORM = (
    "; a manifest is a text in UTF-8 with a line of JSON for each sample, like"
    ' {"audio": "a.wav", "target": "turn on"}'
)
"""The end of a message about a manifest, which describes a right one."""
BINARY_BYTES = 4096
"""Bytes at the beginning of a file in which a NUL means that it is not a text."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a manifest; *index* counts from 0, *metadata* has the line's unused keys."""

    index: int
    id: str
    target: str
    metadata: dict[str, Any]


class Clip(Sample, frozen=True, kw_only=True):
    """A recording to be transcribed; *language* is a code such as "en", None: not stated."""

    audio: Path
    language: str | None


class Dialogue(Sample, frozen=True, kw_only=True):
    """Messages to be answered, which are sent unchanged."""

    messages: list[dict[str, Any]]

    @property
    def question(self) -> str:
        """The text of the last message, the parts that are not a text left out."""
        content = self.messages[-1].get("content") or ""
        if isinstance(content, str):
            return content
        return "\n".join(str(part["text"]) for part in content if "text" in part)


class MultipleChoice(Sample, frozen=True, kw_only=True):
    """A question with choices, of which *target* is the right one.

    A choice continues *prompt* after *delimiter*; neither gets a chat template.
    """

    prompt: str
    choices: list[str]
    delimiter: str

    def text(self, choice: str) -> str:
        """Return the prompt, continued by *choice*."""
        return self.prompt + self.delimiter + choice


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of a manifest, or its first *limit*; *sha256* is the whole file's, in hex."""

    path: Path
    sha256: str
    limit: int | None
    samples: list[Clip] | list[Dialogue] | list[MultipleChoice]


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Line(msgspec.Struct):
    """The keys and types that a line may have; other keys become metadata."""

    target: str
    id: str | int | None = None
    audio: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)] | None = None
    language: str | None = None


NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class _ChoiceLine(msgspec.Struct):
    """The same for a question with choices; *target* is a choice, or its index from 0."""

    target: str | int
    prompt: NonEmpty
    choices: Annotated[list[NonEmpty], msgspec.Meta(min_length=2)]
    id: str | int | None = None
    delimiter: str = " "


def load(path: Path, *, limit: int | None = None) -> Dataset:
    """Read the manifest at *path*, or its first *limit* samples.

    Audio paths are relative to the manifest. Raises ManifestError with file, line and path of the
    fault, also for a clip that does not exist or an id that occurs twice: before anything is sent.
    """
    content = _read(path)
    samples: list[Any] = []
    seen: dict[str, int] = {}
    for number, line in _numbered(content):
        if len(samples) == limit:
            break
        try:
            sample = _sample(line, index=len(samples), number=number, folder=path.parent)
            _refuse_conflict(sample, samples[:1], seen)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            about_a_field = isinstance(error, msgspec.ValidationError) and "`$" in str(error)
            hint = "" if about_a_field else FORM
            raise ManifestError(f"{path}:{number}: {error}{hint}") from error
        seen[sample.id] = number
        samples.append(sample)
    if not samples:
        raise ManifestError(f"{path}: no samples{FORM}")
    digest = hashlib.sha256(content).hexdigest()
    return Dataset(path=path, sha256=digest, limit=limit, samples=samples)


def _read(path: Path) -> bytes:
    """Return the manifest's bytes. Raises ManifestError for a folder and for a binary file."""
    try:
        if path.is_dir():
            names = sorted(file.name for file in path.glob("*.jsonl"))[:3]
            inside = f", as {' or '.join(names)} in it" if names else ""
            raise ManifestError(f"{path} is a folder: name a manifest{inside}{FORM}")
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(f"{path} is written in UTF-16: save it as UTF-8")
    # A text never holds NUL, and a longer binary file nearly always does.
    if b"\0" in content[:BINARY_BYTES]:
        raise ManifestError(f"{path} is not a text{FORM}")
    return content


def _numbered(content: bytes) -> Iterator[tuple[int, bytes]]:
    # Split as bytes: str.splitlines would also split at U+2028, which JSON allows inside a string.
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())


def _sample(
    line: bytes, *, index: int, number: int, folder: Path
) -> Clip | Dialogue | MultipleChoice:
    raw = msgspec.json.decode(line)
    # Beside audio or messages, `prompt` and `choices` are metadata.
    if isinstance(raw, dict) and "prompt" in raw and not raw.keys() & {"audio", "messages"}:
        question = msgspec.convert(raw, _ChoiceLine)
        return MultipleChoice(
            prompt=question.prompt,
            choices=question.choices,
            delimiter=question.delimiter,
            target=_right(question),
            **_common(raw, question, index, number),
        )
    checked = msgspec.convert(raw, _Line)
    if (checked.audio is None) == (checked.messages is None):
        raise msgspec.ValidationError(
            "Expected either `audio` or `messages`, or `prompt` and `choices` - at `$`"
        )
    common = _common(raw, checked, index, number) | {"target": checked.target}
    if checked.audio is None:
        return Dialogue(messages=raw["messages"], **common)
    audio = folder / checked.audio
    if not _is_file(audio):
        raise msgspec.ValidationError(f"No such file: {audio} - at `$.audio`")
    return Clip(audio=audio, language=checked.language, **common)


def _common(
    raw: dict[str, Any], checked: _Line | _ChoiceLine, index: int, number: int
) -> dict[str, Any]:
    """Return the fields that all kinds of samples have, but for the target."""
    return {
        "index": index,
        "id": str(number if checked.id is None else checked.id),
        "metadata": {k: v for k, v in raw.items() if k not in checked.__struct_fields__},
    }


def _right(line: _ChoiceLine) -> str:
    """Return the choice that is the target. Raises ValidationError for one that is not there."""
    if len(set(line.choices)) < len(line.choices):
        raise msgspec.ValidationError("Expected different choices - at `$.choices`")
    if isinstance(line.target, int) and 0 <= line.target < len(line.choices):
        return line.choices[line.target]
    if line.target not in line.choices:
        raise msgspec.ValidationError("Expected a choice, or its index from 0 - at `$.target`")
    return line.target


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise msgspec.ValidationError(f"{error.strerror}: {path} - at `$.audio`") from error


def _refuse_conflict(sample: Sample, first: list[Sample], seen: dict[str, int]) -> None:
    if sample.id in seen:
        message = f"Line {seen[sample.id]} already has the id {sample.id!r} - at `$.id`"
        raise msgspec.ValidationError(message)
    if first and type(first[0]) is not type(sample):
        # One run has one model, one score and one unit of speed.
        raise msgspec.ValidationError("Samples of two kinds in one manifest - at `$`")
