"""Manifests: which lines are valid, and how another one is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.dataset import Clip, Dialogue, MultipleChoice, ToolUse, load
from evals.failures import ManifestError
from evals.score.scorers import check

MESSAGES = [{"role": "user", "content": "2+2=", "name": "x"}]
SUM = {"id": "a", "messages": MESSAGES, "target": "4"}
CHOICES = {"id": "c", "prompt": "2+2=", "choices": ["3", "4"]}


def test_dialogues(manifest: Callable[..., Path]) -> None:
    """Messages are passed on unchanged; keys that are not used are kept."""
    path = manifest(SUM | {"level": 1})

    [sample] = load(path).samples

    assert sample == Dialogue(index=0, id="a", target="4", metadata={"level": 1}, messages=MESSAGES)


TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
CALL = {"name": "add", "arguments": {"a": 2, "b": 2}}


def test_fields_of_a_request(manifest: Callable[..., Path]) -> None:
    """A dialogue may say what its answer has to look like; how it is drawn stays metadata."""
    fields = {
        "max_tokens": 5,
        "stop": ["\n"],
        "response_format": {"type": "json_object"},
        "tools": TOOLS,
        "tool_choice": "none",
    }
    path = manifest(SUM | fields | {"temperature": 1, "top_p": None})

    [sample] = load(path).samples

    assert isinstance(sample, Dialogue)
    assert sample.fields == fields
    assert sample.metadata == {"temperature": 1, "top_p": None}


def test_calls(manifest: Callable[..., Path]) -> None:
    """A target that is a call makes a sample of its own kind; its text is the call as JSON."""
    path = manifest(SUM | {"target": CALL, "tools": TOOLS, "stop": None})

    [sample] = load(path).samples

    assert isinstance(sample, ToolUse)
    assert json.loads(sample.target) == CALL
    assert sample.fields == {"tools": TOOLS}


def test_a_target_that_does_not_fit_the_scorer(manifest: Callable[..., Path]) -> None:
    """What is wrong with a target is reported with its line."""
    path = manifest(SUM, SUM | {"id": "b", "target": "(4"})

    with pytest.raises(ManifestError, match=r"task\.jsonl:2: not a regular expression: missing"):
        load(path, check=check("regex"))


def test_clips(manifest: Callable[..., Path], wav: Path) -> None:
    """Audio is found beside the manifest."""
    path = manifest({"id": 7, "audio": wav.name, "target": "", "language": "en"})

    [sample] = load(path).samples

    assert sample == Clip(index=0, id="7", target="", metadata={}, audio=wav, language="en")


@pytest.mark.parametrize("target", ["4", 1])
def test_choices(target: str | int, manifest: Callable[..., Path]) -> None:
    """The right choice is named by its text or by its index; before it stands one space."""
    path = manifest(CHOICES | {"target": target, "level": 1})

    [sample] = load(path).samples

    assert isinstance(sample, MultipleChoice)
    assert (sample.target, sample.choices, sample.metadata) == ("4", ["3", "4"], {"level": 1})
    assert sample.text("4") == "2+2= 4"


def test_choices_beside_messages_are_metadata(manifest: Callable[..., Path]) -> None:
    """A dialogue may keep the choices that its question names."""
    path = manifest(SUM | CHOICES | {"delimiter": ""})

    [sample] = load(path).samples

    assert isinstance(sample, Dialogue)
    assert sample.metadata == {"prompt": "2+2=", "choices": ["3", "4"], "delimiter": ""}


def test_lines_number_what_has_no_id(manifest: Callable[..., Path]) -> None:
    """Without an id a sample is called by its line; blank lines count as lines only."""
    path = manifest({"messages": MESSAGES, "target": "4"}, "", {"messages": MESSAGES, "target": ""})

    assert [sample.id for sample in load(path).samples] == ["1", "3"]


def test_a_limit_takes_the_first(manifest: Callable[..., Path]) -> None:
    """A limit takes the first samples, and the hash stays the whole file's."""
    path = manifest(SUM, SUM | {"id": "b"}, "not read")

    limited = load(path, limit=2)

    assert [sample.id for sample in limited.samples] == ["a", "b"]
    assert limited.limit == 2
    assert len(limited.sha256) == 64


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"id": "b"', "truncated"),
        ("[]", r"Expected `object`, got `array`"),
        ({"messages": MESSAGES}, "missing required field `target`"),
        (
            {"messages": MESSAGES, "target": 4},
            r"Expected `str \| object`, got `int` - at `\$\.target`",
        ),
        (SUM | {"id": "b", "target": CALL}, r"A call as target needs `tools` - at `\$\.target`"),
        (SUM | {"target": {"name": "add"}, "tools": TOOLS}, "missing required field `arguments`"),
        (SUM | {"target": CALL | {"id": 1}, "tools": TOOLS}, "unknown field `id`"),
        (SUM | {"id": "b", "target": CALL, "tools": TOOLS}, "Samples of two kinds"),
        (SUM | {"max_tokens": 0}, r"`int` >= 1 - at `\$\.max_tokens`"),
        ({"audio": "silence.wav", "target": CALL}, r"Expected `str`, got `object`"),
        ({"messages": [{}], "target": "4"}, r"`role` - at `\$\.messages\[0\]`"),
        ({"messages": [], "target": "4"}, r"length >= 1 - at `\$\.messages`"),
        ({"target": "4"}, "either `audio` or `messages`"),
        ({"target": "4", "audio": "a.wav", "messages": MESSAGES}, "either `audio` or `messages`"),
        ({"target": "4", "audio": "gone.wav"}, r"No such file: .*gone\.wav - at `\$\.audio`"),
        (SUM, r"task\.jsonl:1 already has the id 'a' - at `\$\.id`"),
        ({"target": "4", "audio": "silence.wav"}, "Samples of two kinds in one data set"),
        (CHOICES | {"target": "4"}, "Samples of two kinds in one data set"),
        (CHOICES | {"target": "5"}, r"Expected a choice, or its index from 0 - at `\$\.target`"),
        (CHOICES | {"target": 2}, r"Expected a choice, or its index from 0 - at `\$\.target`"),
        (CHOICES | {"target": -1}, r"Expected a choice, or its index from 0 - at `\$\.target`"),
        (CHOICES | {"target": 0, "choices": ["4", "4"]}, r"different choices - at `\$\.choices`"),
        (CHOICES | {"target": 0, "choices": ["4"]}, r"length >= 2 - at `\$\.choices`"),
        (CHOICES | {"target": 0, "choices": ["4", ""]}, r"length >= 1 - at `\$\.choices\[1\]`"),
        ({"target": "4", "prompt": "2+2="}, "missing required field `choices`"),
        ('{"target": "\udcff"}', "utf-8|UTF-8"),
    ],
)
def test_a_bad_line_is_refused(
    line: dict[str, Any] | str, fault: str, tmp_path: Path, wav: Path
) -> None:
    """A bad line is refused with file, line and the path of the fault."""
    assert wav.exists()
    path = tmp_path / "task.jsonl"
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_bytes(f"{json.dumps(SUM)}\n{text}\n".encode(errors="surrogateescape"))

    with pytest.raises(ManifestError, match=rf"task\.jsonl:2: .*({fault})"):
        load(path)


def test_an_empty_manifest_is_refused(manifest: Callable[..., Path]) -> None:
    """A run over nothing would have no score."""
    with pytest.raises(ManifestError, match="no samples"):
        load(manifest(""))


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(ManifestError, match=r"gone\.jsonl: No such file"):
        load(tmp_path / "gone.jsonl")


TEXT = json.dumps(SUM)


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{TEXT}\n".encode(),
        f"{TEXT}\r\n\r\n".encode(),
        f"\n  {TEXT}".encode(),
        json.dumps(SUM | {"note": "a\u2028b"}, ensure_ascii=False).encode(),
    ],
    ids=["mark", "windows", "no end", "separator"],
)
def test_other_ways_to_write_it(content: bytes, tmp_path: Path) -> None:
    """A byte order mark, another system's line ends and a missing one do no harm."""
    path = tmp_path / "task.jsonl"
    path.write_bytes(content)

    assert [sample.id for sample in load(path).samples] == ["a"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (TEXT.encode("utf-16"), "is written in UTF-16: save it as UTF-8"),
        (TEXT.encode("utf-16-le"), "is not a text; a manifest is"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "is not a text; a manifest is"),
        (b"ID3\x04" + b"\xff" * 99, "task:1: .*; a manifest is"),
        (f"[{TEXT}]".encode(), "Expected `object`, got `array`; a manifest is"),
        (json.dumps(SUM, indent=1).encode(), "task:1: .*; a manifest is"),
        (b"id,audio,target\n", "task:1: .*; a manifest is"),
        (b"[" * 100_000, "task:1: .*; a manifest is"),
        (b'{"x":' * 100_000, "task:1: .*; a manifest is"),
        ('{"target": "ä"}'.encode("latin-1"), "task:1: .*; a manifest is"),
        (b"", "no samples; a manifest is"),
        (b'{"target": "x", "audio": "%s.wav"}' % (b"a" * 300), "File name too long"),
        (b'{"target": "x", "audio": "."}', "No such file"),
    ],
    ids=range(13),
)
def test_what_is_no_manifest(content: bytes, fault: str, tmp_path: Path) -> None:
    """Audio, other encodings and other formats are refused in one line that shows a manifest."""
    path = tmp_path / "task"
    path.write_bytes(content)

    with pytest.raises(ManifestError, match=fault) as refusal:
        load(path)

    assert "\n" not in str(refusal.value)


def test_a_folder_is_no_manifest(manifest: Callable[..., Path]) -> None:
    """The manifests in it are named."""
    folder = manifest(SUM).parent

    with pytest.raises(ManifestError, match=r"is a folder: name a manifest, as task\.jsonl in it"):
        load(folder)
