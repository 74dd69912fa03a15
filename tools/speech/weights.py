"""The weights of the speech model on disk, and their names in `transformers`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from tools.speech.model import Shape, SpeechModel
from tools.speech.tokenizer import FIRST_TIMESTAMP

NAMES = {
    "encoder.": "model.encoder.layers.",
    "decoder.": "model.decoder.layers.",
    "encoder_norm.": "model.encoder.layer_norm.",
    "decoder_norm.": "model.decoder.layer_norm.",
    "conv": "model.encoder.conv",
}
"""How the names of parameters begin here, and in a Hugging Face checkpoint of Whisper."""


def save(path: Path, model: SpeechModel, state: dict[str, Tensor], **more: Any) -> None:
    """Write the weights *state* and the shape of *model*, and what a training needs to go on."""
    torch.save({"weights": state, "shape": asdict(model.shape), **more}, path)


def average(paths: list[Path]) -> SpeechModel:
    """Return the model whose weights are the mean of those of some files."""
    stored = [torch.load(path) for path in paths]
    model = SpeechModel(Shape(**stored[0]["shape"]))
    states = [one["weights"] for one in stored]
    mean = {name: torch.stack([s[name] for s in states]).mean(0) for name in states[0]}
    model.load_state_dict(mean)
    return model.eval()


def to_hugging_face(model: SpeechModel) -> dict[str, Tensor]:
    """All weights under the names of `WhisperForConditionalGeneration`; timestamps as a table."""
    table = model.table()
    state = {
        "model.encoder.embed_positions.weight": model.places,
        "model.decoder.embed_positions.weight": model.steps,
        "model.decoder.embed_tokens.weight": table,
        "proj_out.weight": table,
    }
    for name, parameter in model.named_parameters():
        for ours, theirs in NAMES.items():
            if name.startswith(ours):
                state[theirs + name.removeprefix(ours)] = parameter
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def from_hugging_face(folder: Path) -> SpeechModel:
    """Return the model of an exported directory; least squares find the timestamp projection."""
    stored = load_file(folder / "model.safetensors")
    model = SpeechModel()
    state = model.state_dict()
    for name, tensor in stored.items():
        for ours, theirs in NAMES.items():
            if name.startswith(theirs):
                state[ours + name.removeprefix(theirs)] = tensor
    table = stored["model.decoder.embed_tokens.weight"]
    state["tokens"] = table[:FIRST_TIMESTAMP]
    waves, times = model.waves.double(), table[FIRST_TIMESTAMP:].double()
    state["times"] = torch.linalg.lstsq(waves, times, driver="gelsd").solution.float()
    model.load_state_dict(state)
    return model
