"""Train the speech model.

    python -m tools.speech.train --data data --dev data/dev.npz --out speech.pt --steps 2000

One thread does about one step a second; two threads for one training, or two trainings of two
threads each on two cores, are slower. Set OMP_WAIT_POLICY=PASSIVE. Schedules go by steps, never by
the clock. The running mean of the weights (.ema.pt) is measured on the way; export whichever is
better in the end.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from tools.speech import clips, losses, weights
from tools.speech.batches import prefetched
from tools.speech.greedy import word_error_rates
from tools.speech.model import POSITIONS, SpeechModel


def rate(step: int, arguments: argparse.Namespace) -> float:
    """Warm-up, a plateau, then a cosine to 1 % of the peak."""
    done = step / arguments.steps
    share = 1.0
    if done > arguments.stable:
        along = (done - arguments.stable) / (1 - arguments.stable)
        share = max(0.01, 0.5 + 0.5 * math.cos(math.pi * along))
    return arguments.lr * share * min(1, step / arguments.warmup)


def optimizer_for(model: SpeechModel) -> torch.optim.AdamW:
    """Build AdamW; only matrices decay."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": 0.01},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


class Mean:
    """The running mean of a model's weights, shorter at the beginning."""

    def __init__(self, model: SpeechModel, keep: float) -> None:
        self.state = {name: value.clone() for name, value in model.state_dict().items()}
        self._keep = keep

    @torch.no_grad()
    def update(self, model: SpeechModel, step: int) -> None:
        """Move the mean towards the weights of now."""
        keep = min(self._keep, 1 - 1 / (step / 4 + 1))
        for name, value in model.state_dict().items():
            self.state[name].lerp_(value, 1 - keep)


def draw_offset(length: int, share: float, rng: np.random.Generator) -> int:
    """Where in the window the content of a batch begins; late positions must be trained too."""
    if length < POSITIONS - 50 and rng.random() < share:
        return int(rng.integers(0, POSITIONS - length))
    return 0


def measure(model: SpeechModel, mean: Mean, dev: list[clips.Clip]) -> str:
    """Return the development set's error rates with the mean weights."""
    averaged = SpeechModel(model.shape)
    averaged.load_state_dict(mean.state)
    rates = word_error_rates(averaged.eval(), dev)
    return " ".join(f"{name} {error:.3f}" for name, error in rates.items())


def train(model: SpeechModel, arguments: argparse.Namespace) -> None:
    """Run all steps; write weights, optimiser and the mean every `--eval-every` steps."""
    data = [c for path in sorted(arguments.data.glob("train-*.npz")) for c in clips.load(path)]
    dev = clips.load(arguments.dev) if arguments.dev else []
    optimizer = optimizer_for(model)
    if arguments.init and "optimizer" in (stored := torch.load(arguments.init)):
        optimizer.load_state_dict(stored["optimizer"])
    mean = Mean(model, arguments.mean)
    rng = np.random.default_rng(arguments.seed)
    batches = prefetched(data, tuple(arguments.mix), arguments.seed)
    seen: defaultdict[str, list[float]] = defaultdict(list)
    began = time.monotonic()
    for step in range(1, arguments.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, arguments)
        batch = next(batches)
        offset = draw_offset(batch.features.shape[-1] // 2, arguments.offset, rng)
        loss, parts = losses.total(model, batch, offset, losses.Weights())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean.update(model, step)
        for name, value in (parts | {"norm": float(norm)}).items():
            seen[name].append(value)
        if step % 50 == 0:
            figures = " ".join(f"{name} {np.mean(seen[name]):.3f}" for name in sorted(seen))
            print(f"{step} {time.monotonic() - began:.0f} s {figures}", flush=True)
            seen.clear()
        if step % arguments.eval_every == 0 or step == arguments.steps:
            state = optimizer.state_dict()
            weights.save(arguments.out, model, model.state_dict(), optimizer=state)
            weights.save(arguments.out.with_suffix(".ema.pt"), model, mean.state)
            if dev:
                print(f"  development: {measure(model, mean, dev)}", flush=True)


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of train-*.npz")
    parser.add_argument("--out", type=Path, required=True, help="weights file (.pt)")
    parser.add_argument("--init", type=Path, help="weights file to start from")
    parser.add_argument("--dev", type=Path, help="development set, to follow the training")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=60, help="steps")
    parser.add_argument("--stable", type=float, default=0.35, help="share of steps at the peak")
    parser.add_argument(
        "--mix",
        type=float,
        nargs=3,
        default=[0.36, 0.30, 0.34],
        help="shares of batches: single utterances, 2 to 4, up to 30 s",
    )
    parser.add_argument("--offset", type=float, default=0.75, help="share of shifted batches")
    parser.add_argument("--mean", type=float, default=0.995, help="keep of the running mean")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--eval-every", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    model = weights.average([arguments.init]) if arguments.init else SpeechModel()
    train(model.train(), arguments)


if __name__ == "__main__":
    main()
