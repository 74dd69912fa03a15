"""Weights on this machine, and the engines that can load them."""

import hashlib
from pathlib import Path

import msgspec

from evals.failures import EvalsError


class NoWeights(EvalsError):
    """A folder that `--local` names and that does not have a model's files."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with a model, in the form of CTranslate2 (`model.bin`) or of transformers.

    *compute_type* is CTranslate2's, or transformers' `dtype`; None: the server's, where its
    manifest names it, else the stored one (CTranslate2) or float32 (transformers).
    """

    folder: Path
    compute_type: str | None = None

    @property
    def ctranslate2(self) -> bool:
        """Whether the files are CTranslate2's."""
        return (self.folder / "model.bin").exists()

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file of weights, in hexadecimal digits."""
        files = [*self.folder.glob("*.bin"), *self.folder.glob("*.safetensors")]
        return {file.name: _sha256(file) for file in sorted(files)}


def found(folder: Path, compute_type: str | None) -> Weights:
    """Return the weights in *folder*. Raises NoWeights."""
    weights = Weights(folder=folder, compute_type=compute_type)
    if not weights.ctranslate2 and not any(folder.glob("*.safetensors")):
        raise NoWeights(f"--local: {folder} has no model.bin and no .safetensors")
    return weights


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
