"""The speech model as it is trained: Whisper's architecture, with short cuts for two CPU cores.

Same weights, same results as `transformers`' Whisper, but a window of 30 s costs only its content:
what follows (and precedes) the content is a constant, so a few sampled positions, weighted by
an attention bias, stand for all of it. Timestamp embeddings are a trained projection of fixed
sinusoids of the time, so that all 1501 learn from each other; the export writes a plain table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - as all of PyTorch's users call it
from torch import Tensor, nn

from tools.speech.grammar import WORDS
from tools.speech.tokenizer import FIRST_TIMESTAMP, SIZE

POSITIONS = 1500
"""Encoder positions of 20 ms in the window of 30 s; CTranslate2 accepts no other number."""

SAMPLED = 24
"""How many positions stand for the constant part of the window."""

LOCAL = [(4.0, 1.5, (0, 22)), (9.0, 3.0, (4, 26)), (15.0, 5.0, (6, 30))]
"""By encoder layer: how far the outer and inner heads look at first, and at which sinusoids."""


@dataclass(frozen=True)
class Shape:
    """The sizes of the model."""

    width: int = 128
    heads: int = 4
    inner: int = 512
    encoder_layers: int = 3
    decoder_layers: int = 2
    mels: int = 80


def sinusoids(count: int, width: int, longest: float = 10_000) -> Tensor:
    """Positions as sines and cosines (count, width), as Whisper's encoder has them."""
    half = width // 2
    rates = torch.exp(-math.log(longest) / (half - 1) * torch.arange(half))
    angles = torch.arange(count)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)


class Attention(nn.Module):
    """Multi-head attention with Whisper's names; the keys have no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def _join(self, x: Tensor) -> Tensor:
        return self.out_proj(x.transpose(1, 2).flatten(2))

    def forward(
        self, x: Tensor, memory: Tensor, bias: Tensor | None = None, *, causal: bool = False
    ) -> Tensor:
        """Attend from *x* to *memory*."""
        q, k, v = self._split(self.q_proj(x)), self._split(self.k_proj(memory)), self.v_proj(memory)
        mixed = F.scaled_dot_product_attention(
            q, k, self._split(v), attn_mask=bias, is_causal=causal
        )
        return self._join(mixed)

    def observed(self, x: Tensor, memory: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Attend, and return the log-probabilities too (batch, head, token, position)."""
        q, k = self._split(self.q_proj(x)), self._split(self.k_proj(memory))
        scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        if bias is not None:
            scores = scores + bias
        logs = scores.log_softmax(-1)
        return self._join(logs.exp() @ self._split(self.v_proj(memory))), logs


class EncoderLayer(nn.Module):
    """One layer of the encoder, normalised before each part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape.width, shape.heads)
        self.self_attn_layer_norm = nn.LayerNorm(shape.width)
        self.fc1 = nn.Linear(shape.width, shape.inner)
        self.fc2 = nn.Linear(shape.inner, shape.width)
        self.final_layer_norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Pass *x* (batch, position, width) on, one layer further."""
        normed = self.self_attn_layer_norm(x)
        x = x + self.self_attn(normed, normed, bias)
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class DecoderLayer(nn.Module):
    """One layer of the decoder, normalised before each part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape.width, shape.heads)
        self.self_attn_layer_norm = nn.LayerNorm(shape.width)
        self.encoder_attn = Attention(shape.width, shape.heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(shape.width)
        self.fc1 = nn.Linear(shape.width, shape.inner)
        self.fc2 = nn.Linear(shape.inner, shape.width)
        self.final_layer_norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Pass *x* on, one layer further; return the attention to *memory* too."""
        normed = self.self_attn_layer_norm(x)
        x = x + self.self_attn(normed, normed, causal=True)
        heard, logs = self.encoder_attn.observed(self.encoder_attn_layer_norm(x), memory, bias)
        x = x + heard
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), logs


class SpeechModel(nn.Module):
    """Encoder, decoder, and two heads on the encoder that only training uses."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or Shape()
        width = shape.width
        self.conv1 = nn.Conv1d(shape.mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.encoder = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.encoder_layers))
        self.encoder_norm = nn.LayerNorm(width)
        self.tokens = nn.Parameter(torch.randn(FIRST_TIMESTAMP, width) * width**-0.5)
        self.times = nn.Parameter(torch.randn(width, width) / width)
        self.decoder = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.decoder_norm = nn.LayerNorm(width)
        self.word_head = nn.Linear(width, 1 + len(WORDS))
        self.position_head = nn.Linear(width, 32)
        nn.init.zeros_(self.position_head.weight)
        nn.init.zeros_(self.position_head.bias)
        count = SIZE - FIRST_TIMESTAMP
        waves = [sinusoids(count, width // 2, 3000), sinusoids(count, width // 2, 200)]
        self.register_buffer("waves", torch.cat(waves, 1), persistent=False)
        self.register_buffer("places", sinusoids(POSITIONS, width) * 0.3, persistent=False)
        self.register_buffer("steps", sinusoids(448, width, 1000) * 0.1, persistent=False)
        self._start_locally()

    @torch.no_grad()
    def _start_locally(self) -> None:
        """Let each encoder head start by looking at a place near by, a few positions on or back.

        Queries are sinusoids rotated by the shift, keys sinusoids. Without this start and the
        word head the model learns next to nothing in its first hundreds of steps.
        """
        width, heads = self.shape.width, self.shape.heads
        half, size = width // 2, width // heads
        rates = torch.exp(-math.log(10_000) / (half - 1) * torch.arange(half).float())
        for depth, layer in enumerate(self.encoder):
            far, near, (low, high) = LOCAL[min(depth, len(LOCAL) - 1)]
            shifts = [-far, -near, near, far]
            waves = torch.linspace(low, high, size // 2).round().long()
            query, key = torch.randn(width, width) * 0.02, torch.randn(width, width) * 0.02
            for head in range(heads):
                for pair, wave in enumerate(waves.tolist()):
                    angle = rates[wave].item() * shifts[head % 4]
                    row = head * size + 2 * pair
                    query[row, wave] += 1.3 * math.cos(angle)
                    query[row, half + wave] += 1.3 * math.sin(angle)
                    query[row + 1, half + wave] += 1.3 * math.cos(angle)
                    query[row + 1, wave] -= 1.3 * math.sin(angle)
                    key[row, wave] += 1.3
                    key[row + 1, half + wave] += 1.3
            layer.self_attn.q_proj.weight.copy_(query)
            layer.self_attn.k_proj.weight.copy_(key)
            layer.self_attn.q_proj.bias.zero_()

    def table(self) -> Tensor:
        """Return the embeddings of all tokens (vocabulary, width)."""
        return torch.cat([self.tokens, self.waves @ self.times])

    def _convolve(self, features: Tensor) -> Tensor:
        return F.gelu(self.conv2(F.gelu(self.conv1(features)))).transpose(1, 2)

    def encode(self, features: Tensor, padding: Tensor, offset: int = 0) -> tuple[Tensor, Tensor]:
        """Return encoder output and attention bias for content that starts at position *offset*.

        *features* (batch, 80, frames) end in at least 16 frames of *padding* (batch), the value
        that the rest of the window holds. The last `SAMPLED` positions of the output stand for
        the rest, if it is longer than that.
        """
        x = self._convolve(features)
        batch, length, _ = x.shape
        x = x + self.places[offset : offset + length]
        bias = torch.zeros(1, 1, 1, length)
        if POSITIONS - length > SAMPLED:
            places, weights = _sampled(offset, length)
            constant = self._convolve(padding[:, None, None].expand(batch, self.shape.mels, 16))
            x = torch.cat([x, constant[:, 4:5] + self.places[places]], 1)
            bias = torch.cat([bias, weights.view(1, 1, 1, -1)], -1)
        for layer in self.encoder:
            x = layer(x, bias)
        return self.encoder_norm(x), bias

    def decode(
        self, tokens: Tensor, memory: Tensor, bias: Tensor, table: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Scores of the next token (batch, token, vocabulary), and what each layer attended to."""
        x = F.embedding(tokens, table) + self.steps[: tokens.shape[1]]
        attended = []
        for layer in self.decoder:
            x, logs = layer(x, memory, bias)
            attended.append(logs)
        return self.decoder_norm(x) @ table.t(), attended


def _sampled(offset: int, length: int) -> tuple[Tensor, Tensor]:
    """Random positions before and after the content, and the log of how many each stands for."""
    before = 0
    if offset and offset + length < POSITIONS:
        share = round(SAMPLED * offset / (POSITIONS - length))
        before = min(SAMPLED - 1, max(1, share))
    elif offset:
        before = SAMPLED
    places, weights = [], []
    parts = ((0, offset, before), (offset + length, POSITIONS, SAMPLED - before))
    for low, high, count in parts:
        if count:
            step = (high - low) / count
            drawn = low + (torch.arange(count) + torch.rand(count)) * step
            places.append(drawn.long().clamp(max=high - 1))
            weights += [math.log(step)] * count
    return torch.cat(places), torch.tensor(weights)
