"""Turns one record, as read from a line, a row or a pair of files, into a sample."""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from evals.dataset.samples import Clip, Dialogue, MultipleChoice, ToolUse

AnySample = Clip | Dialogue | MultipleChoice
NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A sample as it was read. *place* is where, for messages; *id* counts if *fields* has none."""

    place: str
    id: str
    fields: Any


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    """The call of a tool that is the right answer."""

    name: NonEmpty
    arguments: dict[str, Any]


class _Line(msgspec.Struct):
    """The keys and types that a record may have; other keys become metadata.

    The last five are sent with the record's request.
    """

    target: str | _Call
    id: str | int | None = None
    audio: NonEmpty | None = None
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)] | None = None
    language: str | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stop: str | list[str] | None = None
    response_format: dict[str, Any] | None = None
    tools: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)] | None = None
    tool_choice: str | dict[str, Any] | None = None


OWN_FIELDS = ("max_tokens", "stop", "response_format", "tools", "tool_choice")
"""What a dialogue may have of its own in its request: what its answer has to look like.

The options of sampling are not among them: they belong to the run.
"""


class _ChoiceLine(msgspec.Struct):
    """The same for a question with choices; *target* is a choice, or its index from 0."""

    target: str | int
    prompt: NonEmpty
    choices: Annotated[list[NonEmpty], msgspec.Meta(min_length=2)]
    id: str | int | None = None
    delimiter: str = " "


def to_sample(record: Record, *, index: int, folder: Path) -> AnySample:
    """Return the sample number *index*; paths of audio are relative to *folder*.

    Raises msgspec.ValidationError with the JSON path of the fault, also for a missing clip.
    """
    raw = record.fields
    # Beside audio or messages, `prompt` and `choices` are metadata.
    if isinstance(raw, dict) and "prompt" in raw and not raw.keys() & {"audio", "messages"}:
        question = msgspec.convert(raw, _ChoiceLine)
        return MultipleChoice(
            prompt=question.prompt,
            choices=question.choices,
            delimiter=question.delimiter,
            target=_right(question),
            **_common(record, question, index, question.__struct_fields__),
        )
    line = msgspec.convert(raw, _Line)
    if (line.audio is None) == (line.messages is None):
        raise msgspec.ValidationError(
            "Expected either `audio` or `messages`, or `prompt` and `choices` - at `$`"
        )
    if line.audio is None:
        return _dialogue(record, line, index)
    if not isinstance(line.target, str):
        raise msgspec.ValidationError("Expected `str`, got `object` - at `$.target`")
    audio = folder / line.audio
    if not _is_file(audio):
        raise msgspec.ValidationError(f"No such file: {audio} - at `$.audio`")
    used = set(line.__struct_fields__) - set(OWN_FIELDS)
    common = _common(record, line, index, used)
    return Clip(audio=audio, language=line.language, target=line.target, **common)


def _dialogue(record: Record, line: _Line, index: int) -> Dialogue:
    raw = record.fields
    fields = {name: raw[name] for name in OWN_FIELDS if getattr(line, name) is not None}
    common = _common(record, line, index, line.__struct_fields__)
    if isinstance(line.target, str):
        return Dialogue(messages=raw["messages"], fields=fields, target=line.target, **common)
    if line.tools is None:
        raise msgspec.ValidationError("A call as target needs `tools` - at `$.target`")
    target = msgspec.json.encode(line.target).decode()
    return ToolUse(messages=raw["messages"], fields=fields, target=target, **common)


def _common(
    record: Record, line: _Line | _ChoiceLine, index: int, used: set[str] | tuple[str, ...]
) -> dict[str, Any]:
    """Return the fields that all kinds of samples have, but for the target."""
    return {
        "index": index,
        "id": record.id if line.id is None else str(line.id),
        "metadata": {key: value for key, value in record.fields.items() if key not in used},
    }


def _right(line: _ChoiceLine) -> str:
    """Return the choice that is the target. Raises ValidationError for one that is not there."""
    if len(set(line.choices)) < len(line.choices):
        raise msgspec.ValidationError("Expected different choices - at `$.choices`")
    if isinstance(line.target, int) and 0 <= line.target < len(line.choices):
        return line.choices[line.target]
    if line.target not in line.choices:
        raise msgspec.ValidationError("Expected a choice, or its index from 0 - at `$.target`")
    return str(line.target)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise msgspec.ValidationError(f"{error.strerror}: {path} - at `$.audio`") from error
