"""Log-mel features as faster-whisper computes them, and what is done to them in training.

Windows are padded with 0.0 (faster-whisper) or with the log-mel of silence (transformers, vLLM),
and the maximum of the mel is taken over a file that may be longer than the window: training shows
the model all of it.
"""

from __future__ import annotations

import math
import random

import numpy as np
import numpy.typing as npt
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from torch import Tensor

MELS = 80
FILTERS = torch.tensor(FeatureExtractor().mel_filters)
WINDOW = torch.hann_window(400)
STRETCHES = [0.82, 0.86, 0.9, 0.93, 0.96, 1.0, 1.04, 1.08, 1.12, 1.16, 1.2]
UNCHANGED = STRETCHES.index(1.0)


def stretched(factor: float, knee: float = 0.8) -> Tensor:
    """Mel filters on a frequency axis stretched by *factor* (another length of the vocal tract)."""
    axis = torch.arange(201.0) / 200
    corner = knee * min(1, 1 / factor)
    above = factor * corner + (1 - factor * corner) * (axis - corner) / (1 - corner)
    place = torch.where(axis < corner, axis * factor, above) * 200
    low = place.floor().long().clamp(max=199)
    share = place - low
    return FILTERS[:, low] * (1 - share) + FILTERS[:, low + 1] * share


STRETCHED = torch.stack([stretched(factor) for factor in STRETCHES])


def log_mel(
    audios: list[npt.NDArray[np.float32]],
    *,
    tilt: Tensor | None = None,
    stretch: Tensor | None = None,
    headroom: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (batch, 80, frames) of 10 ms, which frames are real, and the value of silence.

    *tilt* (batch, 80) is added, *stretch* picks the mel filters, *headroom* is by how much the
    loudest frame of the file exceeds that of the window.
    """
    length = (max(map(len, audios)) + 319) // 320 * 320
    waves = torch.zeros(len(audios), length)
    for row, audio in enumerate(audios):
        waves[row, : len(audio)] = torch.from_numpy(audio)
    spectrum = torch.stft(
        waves, 400, 160, window=WINDOW, center=True, pad_mode="reflect", return_complex=True
    )
    power = spectrum[..., :-1].abs() ** 2
    mel = ((FILTERS if stretch is None else STRETCHED[stretch]) @ power).clamp(min=1e-10).log10()
    if tilt is not None:
        mel = mel + tilt[:, :, None]
    frames = torch.tensor([len(audio) // 160 for audio in audios])
    real = torch.arange(mel.shape[-1])[None] < frames[:, None]
    loudest = mel.masked_fill(~real[:, None], -10).amax((1, 2), keepdim=True)
    if headroom is not None:
        loudest = loudest + headroom[:, None, None]
    mel = (torch.maximum(mel, loudest - 8) + 4) / 4
    return mel, real, ((loudest - 4) / 4)[:, 0, 0]


def augmented(audios: list[npt.NDArray[np.float32]], rng: random.Random) -> tuple[Tensor, Tensor]:
    """Features with a random colour, and the constant that each window is padded with.

    There are 16 frames of padding behind the longest window, if 30 s leave room for them.
    """
    count = len(audios)
    padded_with_zero = [rng.random() < 0.6 for _ in audios]
    tilt = torch.stack([_colour(rng) for _ in audios])
    stretch = [rng.randrange(len(STRETCHES)) if rng.random() < 0.5 else UNCHANGED for _ in audios]
    headroom = [rng.uniform(0, 0.8) if rng.random() < 0.3 else 0.0 for _ in audios]
    mel, real, silence = log_mel(
        audios, tilt=tilt, stretch=torch.tensor(stretch), headroom=torch.tensor(headroom)
    )
    padding = torch.where(torch.tensor(padded_with_zero), torch.zeros(count), silence)
    frames = min(3000, mel.shape[-1] + 16)
    inside = min(frames, mel.shape[-1])
    features = padding[:, None, None].expand(count, MELS, frames).clone()
    features[:, :, :inside] = torch.where(
        real[:, None, :inside], mel[:, :, :inside], features[:, :, :inside]
    )
    for row in range(count):
        if rng.random() < 0.25:
            width = rng.randint(1, 10)
            low = rng.randint(0, MELS - width)
            features[row, low : low + width] = padding[row]
    return features, padding


def _colour(rng: random.Random) -> Tensor:
    """Return a spectral tilt (half of the windows) and a smooth equaliser (40 %)."""
    axis = torch.linspace(-1, 1, MELS)
    colour = torch.zeros(MELS)
    if rng.random() < 0.5:
        colour += rng.uniform(-0.4, 0.4) * axis + rng.uniform(-0.3, 0.3) * axis**2
    if rng.random() < 0.4:
        for wave in (2, 3, 5):
            phase = math.pi * wave * (axis + 1) / 2 + rng.uniform(0, 6.28)
            colour += rng.uniform(-0.15, 0.15) * torch.cos(phase)
    return colour
