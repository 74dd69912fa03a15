"""Lists what a Whisper model's answers depend on beside the request: files, versions, device."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import Manifest
from backends.config import WhisperModelConfig

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_PACKAGES = ("faster-whisper", "ctranslate2", "av", "numpy", "tokenizers", "onnxruntime")
"""Packages whose versions change answers. In this order they compute: the decoding loop, the
network, the resampling, the spectrogram, the text, and the detection of speech."""


def model_manifest(config: WhisperModelConfig, model: "WhisperModel", folder: Path) -> Manifest:
    """Return the part of a manifest that all answers of *model* share. Reads all files of *folder*.

    It holds no path of this machine, so the same model has the same manifest on another.
    """
    from faster_whisper.utils import get_assets_path

    source = Path(config.source)
    (vad,) = Path(get_assets_path()).glob("silero_vad*.onnx")
    return {
        "engine": "faster-whisper",
        "versions": {name: version(name) for name in _PACKAGES},
        "source": config.source if not source.is_dir() else source.name,
        "revision": config.options.revision,
        "files": {file.name: _sha256(file) for file in sorted(folder.iterdir()) if file.is_file()},
        "device": model.model.device,
        "compute_type": model.model.compute_type,
        "resampler": "libswresample to s16, mono, 16 kHz",
        "vad": {vad.stem: _sha256(vad)},
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
