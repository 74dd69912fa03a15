"""Manifests: what a line may be, and how a bad one is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.dataset import Clip, Dialogue, load
from evals.failures import ManifestError

MESSAGES = [{"role": "user", "content": "2+2=", "name": "x"}]
SUM = {"id": "a", "messages": MESSAGES, "target": "4"}


def test_dialogues(manifest: Callable[..., Path]) -> None:
    """Messages pass through as they stand; keys that mean nothing here are kept."""
    path = manifest(SUM | {"level": 1})

    [sample] = load(path).samples

    assert sample == Dialogue(index=0, id="a", target="4", metadata={"level": 1}, messages=MESSAGES)


def test_clips(manifest: Callable[..., Path], wav: Path) -> None:
    """Audio is found beside the manifest."""
    path = manifest({"id": 7, "audio": wav.name, "target": "", "language": "en"})

    [sample] = load(path).samples

    assert sample == Clip(index=0, id="7", target="", metadata={}, audio=wav, language="en")


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
        ({"messages": MESSAGES, "target": 4}, r"Expected `str`, got `int` - at `\$\.target`"),
        ({"messages": [{}], "target": "4"}, r"`role` - at `\$\.messages\[0\]`"),
        ({"messages": [], "target": "4"}, r"length >= 1 - at `\$\.messages`"),
        ({"target": "4"}, "either `audio` or `messages`"),
        ({"target": "4", "audio": "a.wav", "messages": MESSAGES}, "either `audio` or `messages`"),
        ({"target": "4", "audio": "gone.wav"}, r"No such file: .*gone\.wav - at `\$\.audio`"),
        (SUM, r"The id 'a' is line 1's already - at `\$\.id`"),
        ({"target": "4", "audio": "silence.wav"}, "Audio and messages in one manifest"),
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
