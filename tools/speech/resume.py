"""Weights to go on training from, out of an exported Hugging Face directory.

    python -m tools.speech.resume tests/models/speech-hf --data data --out start.pt

An export lacks the two heads on the encoder. Training them afresh together with the rest spoils
the rest (the loss of the text rose from 0.7 to 0.85 in 100 steps), so they are fitted first:
positions by ridge regression, words by logistic regression on the output of the encoder.
"""

from __future__ import annotations

import argparse
import random
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - as all of PyTorch's users call it
from torch import Tensor

from tools.speech import clips, weights
from tools.speech.batches import stream
from tools.speech.losses import positions
from tools.speech.model import POSITIONS, SpeechModel
from tools.speech.windows import IGNORED


@torch.no_grad()
def heard(model: SpeechModel, data: list[clips.Clip], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return encoder outputs of *count* batches, the word that sounds in each, and its position."""
    rng = random.Random(1)
    outputs, labels, places = [], [], []
    for batch in islice(stream(data, (0.37, 0.35, 0.28), 1), count):
        length = batch.features.shape[-1] // 2
        offset = rng.randrange(POSITIONS - length) if length < POSITIONS - 50 else 0
        memory, _ = model.encode(batch.features, batch.padding, offset)
        size = batch.frames.shape[1]
        outputs.append(memory[:, :size].flatten(0, 1))
        labels.append(batch.frames.flatten())
        places.append(positions(offset, size).repeat(len(batch.frames), 1))
    return torch.cat(outputs), torch.cat(labels), torch.cat(places)


def fit_positions(model: SpeechModel, outputs: Tensor, places: Tensor) -> None:
    """Ridge regression of the position head."""
    rows = torch.cat([outputs, torch.ones(len(outputs), 1)], 1).double()
    normal = rows.T @ rows + 0.1 * torch.eye(rows.shape[1])
    solution = torch.linalg.solve(normal, rows.T @ places.double()).float()
    model.position_head.weight.data = solution[:-1].T.contiguous()
    model.position_head.bias.data = solution[-1].clone()


def fit_words(model: SpeechModel, outputs: Tensor, labels: Tensor, steps: int = 400) -> float:
    """Logistic regression of the word head; returns the last loss."""
    optimizer = torch.optim.Adam(model.word_head.parameters())
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.03 * (1 - step / steps)
        drawn = torch.randint(len(outputs), (4000,))
        scores = model.word_head(outputs[drawn])
        loss = F.cross_entropy(scores, labels[drawn], ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="Hugging Face directory")
    parser.add_argument("--data", type=Path, required=True, help="folder of train-*.npz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=40)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = weights.from_hugging_face(arguments.folder)
    data = [c for path in sorted(arguments.data.glob("train-*.npz")) for c in clips.load(path)]
    outputs, labels, places = heard(model, data, arguments.batches)
    fit_positions(model, outputs, places)
    loss = fit_words(model, outputs, labels)
    weights.save(arguments.out, model, model.state_dict())
    print(f"{len(outputs)} positions, loss of the word head {loss:.3f}")


if __name__ == "__main__":
    main()
