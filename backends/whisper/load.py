"""Finds the directory of a Whisper model, and loads it with faster-whisper."""

from pathlib import Path
from typing import TYPE_CHECKING

from backends.config import WhisperModelConfig, WhisperOptions

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


def model_folder(config: WhisperModelConfig) -> Path:
    """Return the directory of *config*'s model; download it first if it is on the hub.

    A later load from this directory has the same weights, whatever the hub then has.
    """
    from faster_whisper.utils import download_model

    if (path := Path(config.source)).is_dir():
        return path
    options = config.options
    return Path(
        download_model(
            config.source, revision=options.revision, local_files_only=options.local_files_only
        )
    )


def load(folder: Path, settings: WhisperOptions) -> "WhisperModel":
    """Load the model in *folder*; raises what faster-whisper and CTranslate2 raise."""
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(folder),
        device=settings.device,
        device_index=settings.device_index,
        compute_type=settings.compute_type,
        cpu_threads=settings.cpu_threads,
        num_workers=settings.num_workers,
    )
