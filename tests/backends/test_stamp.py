"""Stamps of models: they change with the model's files."""

import hashlib
import os
from pathlib import Path

import pytest

from backends.config import (
    Ct2ModelConfig,
    RemoteModelConfig,
    Upstream,
    VllmModelConfig,
    WhisperModelConfig,
)
from backends.stamp import contents, stamp


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a directory of a model."""
    (tmp_path / "model.bin").write_bytes(b"weights")
    return tmp_path


def test_changed_files(folder: Path) -> None:
    """A stamp changes with a file's size or time, and with a new file, and with nothing else."""
    model = Ct2ModelConfig(id="m", source=str(folder))
    weights = folder / "model.bin"
    stamps = [stamp(model), stamp(model)]

    os.utime(weights, (1, 1))
    stamps.append(stamp(model))
    weights.write_bytes(b"longer weights")
    stamps.append(stamp(model))
    (folder / "config.json").touch()
    stamps.append(stamp(model))

    assert stamps[0] == stamps[1]
    assert len({*stamps}) == 4


def test_an_adapter_and_a_template(folder: Path) -> None:
    """Files that options of vLLM name, and adapters, count too."""
    template, adapter = folder / "template", folder / "adapter"
    (folder / "model").mkdir()
    adapter.mkdir()
    template.write_text("{{ messages }}")
    model = VllmModelConfig(
        id="m",
        source=str(folder / "model"),
        options={"chat_template": str(template)},
        adapters={"a": str(adapter)},
    )
    stamps = [stamp(model)]

    template.write_text("{{ messages[0] }}")
    stamps.append(stamp(model))
    (adapter / "weights").touch()
    stamps.append(stamp(model))

    assert len({*stamps}) == 3


def test_unknown_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model on other servers, or one that is not downloaded, has no stamp."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    upstreams = (Upstream(url="http://127.0.0.1:1/v1"),)

    assert stamp(RemoteModelConfig(id="m", source="", upstreams=upstreams)) is None
    assert stamp(Ct2ModelConfig(id="m", source="nobody/nothing")) is None
    assert stamp(WhisperModelConfig(id="m", source="nobody/nothing")) is None


def test_contents_are_the_same_on_other_machines(tmp_path: Path) -> None:
    """The hash of the contents depends on names and bytes alone, and not on place and time."""
    hashes = []
    for node, weights in (("a", b"weights"), ("b", b"weights"), ("c", b"wEights")):
        folder = tmp_path / node
        folder.mkdir()
        (folder / "model.bin").write_bytes(weights)
        os.utime(folder / "model.bin", (len(hashes), len(hashes)))
        hashes.append(contents(Ct2ModelConfig(id="m", source=str(folder))))

    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_the_hub_s_names_are_hashes(tmp_path: Path) -> None:
    """A large file in the hub's cache is not read: its name there is the hash of its bytes."""
    digest = hashlib.sha256(b"weights").hexdigest()
    (blob := tmp_path / "blobs" / digest).parent.mkdir()
    blob.write_bytes(b"not read")
    cached, plain = tmp_path / "cached", tmp_path / "plain"
    for folder in (cached, plain):
        folder.mkdir()
    (cached / "model.bin").symlink_to(blob)
    (plain / "model.bin").write_bytes(b"weights")

    hashes = {contents(Ct2ModelConfig(id="m", source=str(f))) for f in (cached, plain)}

    assert len(hashes) == 1
