"""Windows as tensors: batches of like length, and the process that makes them ahead of time."""

from __future__ import annotations

import multiprocessing
import os
import queue
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tools.speech import features
from tools.speech.clips import Clip
from tools.speech.tokenizer import END, NO_SPEECH
from tools.speech.windows import KINDS, Heard, Kind, Window, Windows

SIZES = {"single": 28, "several": 10, "long": 4}
"""Windows in a batch."""

SORTED = {"single": 4, "several": 3, "long": 2}
"""How many batches are drawn together and cut from one list sorted by length."""


@dataclass(frozen=True)
class Batch:
    """What one step of the training sees."""

    kind: str
    features: Tensor
    """(batch, 80, frames), padded with `padding`."""

    padding: Tensor
    tokens: Tensor
    """(batch, tokens): what the decoder reads; `targets` is what it should write next."""

    targets: Tensor
    weights: Tensor
    heard: list[list[Heard]]
    frames: Tensor
    """(batch, positions): the class of the word that sounds, 0 for none, -100 for not known."""


def collate(kind: str, windows: list[Window], rng: random.Random) -> Batch:
    """Stack windows of one kind."""
    mel, padding = features.augmented([window.audio for window in windows], rng)
    length = max(len(window.tokens) for window in windows) - 1
    tokens = torch.full((len(windows), length), END)
    targets = torch.full((len(windows), length), END)
    weights = torch.zeros(len(windows), length)
    frames = torch.zeros(len(windows), mel.shape[-1] // 2, dtype=torch.long)
    for row, window in enumerate(windows):
        count = len(window.tokens) - 1
        tokens[row, :count] = torch.tensor(window.tokens[:-1])
        targets[row, :count] = torch.tensor(window.tokens[1:])
        weights[row, :count] = torch.tensor(window.weights)
        if window.silent:
            targets[row, window.start] = NO_SPEECH
        for start, end, label in window.frames:
            frames[row, round(start * 50) : round(end * 50)] = label
    heard = [window.heard for window in windows]
    return Batch(kind, mel, padding, tokens, targets, weights, heard, frames)


def _context(rng: random.Random) -> int:
    """How much earlier text the windows of a batch have: mostly none, at times as much as fits."""
    share = rng.random()
    if share < 0.75:
        return 0
    return rng.randint(4, 40) if share < 0.97 else 220


def stream(clips: list[Clip], mix: tuple[float, float, float], seed: int) -> Iterator[Batch]:
    """Endless batches; *mix* gives the shares of batches of single, several and long windows."""
    windows = Windows(clips, seed)
    rng = windows.rng
    names = [kind.name for kind in KINDS]
    shares = [share / SORTED[name] for name, share in zip(names, mix, strict=True)]
    while True:
        kind: Kind = rng.choices(KINDS, shares)[0]
        size, context = SIZES[kind.name], _context(rng)
        drawn = [windows.draw(kind, context) for _ in range(size * SORTED[kind.name])]
        drawn.sort(key=lambda window: len(window.audio))
        groups = [drawn[i : i + size] for i in range(0, len(drawn), size)]
        rng.shuffle(groups)
        for group in groups:
            yield collate(kind.name, group, rng)


def _produce(clips: list[Clip], mix: tuple[float, float, float], seed: int, out: Any) -> None:
    torch.set_num_threads(1)
    parent = os.getppid()
    for batch in stream(clips, mix, seed):
        arrays = {k: v.numpy() if isinstance(v, Tensor) else v for k, v in vars(batch).items()}
        while True:
            if os.getppid() != parent:  # the training has died: nobody will empty the queue
                os._exit(0)
            try:
                out.put(arrays, timeout=5)
                break
            except queue.Full:
                continue


def prefetched(clips: list[Clip], mix: tuple[float, float, float], seed: int) -> Iterator[Batch]:
    """Return the same stream, made by a second process that ends with this one."""
    context = multiprocessing.get_context("fork")
    made: Any = context.Queue(8)
    context.Process(target=_produce, args=(clips, mix, seed, made), daemon=True).start()
    while True:
        arrays = made.get()
        yield Batch(
            **{k: v if k in ("kind", "heard") else torch.from_numpy(v) for k, v in arrays.items()}
        )
