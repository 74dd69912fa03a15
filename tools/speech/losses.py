"""The losses of the speech model.

Beside the cross entropy there are four that tell the model where to look: what word sounds in
each frame, where in the window each position stands, and where two sorts of heads should attend.
Without the frames the model learns next to nothing at first; without the positions and the
attention to the utterance, long windows do not come at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - as all of PyTorch's users call it
from torch import Tensor

from tools.speech.batches import Batch
from tools.speech.model import POSITIONS, SAMPLED, SpeechModel
from tools.speech.tokenizer import FIRST_TIMESTAMP, NO_SPEECH, SIZE
from tools.speech.windows import IGNORED

PERIODS = [20, 30, 45, 60, 80, 110, 150, 200, 280, 400, 550, 800, 1100, 1600, 2200, 3000]
"""Of the 16 sinusoids (in positions of 20 ms) by which a position is told."""

WORD_HEADS = 2
"""The first heads of the last decoder layer look at the word being written: alignment_heads."""

UTTERANCE_HEAD = 2
"""The head of the first decoder layer that looks at the utterance being written."""


@dataclass(frozen=True)
class Weights:
    """How much each loss counts beside the cross entropy and the words of the frames."""

    word: float = 0.3
    utterance: float = 0.3
    position: float = 0.5


def shifted(batch: Batch, offset: int) -> tuple[Tensor, Tensor]:
    """Tokens and targets with the timestamps moved by *offset* positions, but not of silence."""
    spoken = ~(batch.targets == NO_SPEECH).any(1, keepdim=True)

    def move(ids: Tensor) -> Tensor:
        moved = (ids + offset).clamp(max=SIZE - 1)
        return torch.where((ids >= FIRST_TIMESTAMP) & spoken, moved, ids)

    return move(batch.tokens), move(batch.targets)


def cross_entropy(scores: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, float]:
    """Return the weighted mean over all tokens, and that of the text alone, in nats.

    A timestamp's target is spread over three steps of 20 ms to either side.
    """
    logs = scores.log_softmax(-1)
    loss = -logs.gather(-1, targets[..., None])[..., 0]
    times = targets >= FIRST_TIMESTAMP
    text = weights * ~times
    plain = float((loss.detach() * text).sum() / text.sum().clamp(min=1e-6))
    if times.any():
        near = torch.arange(-3, 4)
        wanted = targets[times][:, None] + near
        inside = (wanted >= FIRST_TIMESTAMP) & (wanted < SIZE)
        share = torch.exp(-(near**2) / (2 * 1.2**2)) * inside
        found = logs[times].gather(-1, wanted.clamp(FIRST_TIMESTAMP, SIZE - 1))
        loss = loss.masked_scatter(times, -(found * share).sum(-1) / share.sum(-1))
    return (loss * weights).sum() / weights.sum(), plain


def _span(length: int, starts: Tensor, ends: Tensor) -> Tensor:
    """Spread attention evenly over the positions between two times, but not the sampled ones."""
    places = torch.arange(length)[None] + 0.5
    real = places < (length if length > POSITIONS - SAMPLED - 8 else length - SAMPLED)
    target = ((places >= starts[:, None] * 50) & (places <= ends[:, None] * 50) & real).float()
    return target / target.sum(-1, keepdim=True).clamp(min=1)


def attention(batch: Batch, attended: list[Tensor], length: int) -> tuple[Tensor, Tensor]:
    """How far the heads are from looking at the word, and at the utterance, being written."""
    rows = [(row, word) for row, words in enumerate(batch.heard) for word in words]
    word_loss = utterance_loss = torch.zeros(())
    if not rows:
        return word_loss, utterance_loss
    row = torch.tensor([r for r, _ in rows])
    token = torch.tensor([word.token for _, word in rows])
    start, end, first, last = torch.tensor(
        [[w.start, w.end, w.segment_start, w.segment_end] for _, w in rows]
    ).unbind(1)
    told = start >= 0
    if told.any():
        target = _span(length, start[told], end[told])[:, None]
        logs = attended[-1][row[told], :WORD_HEADS, token[told]]
        word_loss = -(target * logs).sum(-1).mean()
    logs = attended[0][row, UTTERANCE_HEAD, token]
    utterance_loss = -(_span(length, first, last) * logs).sum(-1).mean()
    return word_loss, utterance_loss


def positions(offset: int, count: int) -> Tensor:
    """Return what the position head should say of *count* positions (count, 32)."""
    places = offset + torch.arange(count)[:, None]
    angles = 2 * math.pi / torch.tensor(PERIODS) * places
    return torch.cat([angles.cos(), angles.sin()], 1)


def total(
    model: SpeechModel, batch: Batch, offset: int, weights: Weights
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of a batch that starts at position *offset*, and its parts by name."""
    tokens, targets = shifted(batch, offset)
    memory, bias = model.encode(batch.features, batch.padding, offset)
    scores, attended = model.decode(tokens, memory, bias, model.table())
    written, text = cross_entropy(scores, targets, batch.weights)
    word, utterance = attention(batch, attended, memory.shape[1])
    count = batch.frames.shape[1]
    content = memory[:, :count]
    frames = F.cross_entropy(
        model.word_head(content).flatten(0, 1), batch.frames.flatten(), ignore_index=IGNORED
    )
    place = ((model.position_head(content) - positions(offset, count)) ** 2).mean()
    loss = written + weights.word * word + weights.utterance * utterance
    loss = loss + weights.position * place + frames
    parts = {"text": text, "word": word, "utterance": utterance, "frames": frames, "place": place}
    named = {
        f"{name}-{batch.kind}": float(torch.as_tensor(v).detach()) for name, v in parts.items()
    }
    return loss, named | {"written": float(written.detach())}
