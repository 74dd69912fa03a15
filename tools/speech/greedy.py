"""Quick error rates while training: greedy, single clips, language given, no timestamps."""

from __future__ import annotations

import jiwer
import torch

from tools.speech.clips import Clip
from tools.speech.features import MELS, log_mel
from tools.speech.model import SpeechModel
from tools.speech.tokenizer import END, NO_TIMESTAMPS, START, TRANSCRIBE, build, language_id

LONGEST = 14
BATCH = 40


@torch.no_grad()
def transcribe(model: SpeechModel, clips: list[Clip]) -> list[str]:
    """Return what the model writes for each of a batch of clips."""
    mel, real, _ = log_mel([clip.samples() for clip in clips])
    mel = torch.where(real[:, None], mel, torch.zeros(()))
    mel = torch.cat([mel, torch.zeros(len(clips), MELS, 16)], -1)
    memory, bias = model.encode(mel, torch.zeros(len(clips)))
    prompts = [[START, language_id(c.language), TRANSCRIBE, NO_TIMESTAMPS] for c in clips]
    tokens, table = torch.tensor(prompts), model.table()
    done = torch.zeros(len(clips), dtype=torch.bool)
    for _ in range(LONGEST):
        scores, _ = model.decode(tokens, memory, bias, table)
        following = scores[:, -1].argmax(-1).masked_fill(done, END)
        tokens = torch.cat([tokens, following[:, None]], 1)
        done |= following == END
        if done.all():
            break
    tokenizer = build()
    texts = [[token for token in row if token < END] for row in tokens.tolist()]
    return [tokenizer.decode(text).strip() for text in texts]


def word_error_rates(model: SpeechModel, clips: list[Clip]) -> dict[str, float]:
    """By engine for English, by language for the rest."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        name = clip.engine if clip.language == "en" else clip.language
        groups.setdefault(name, []).append(clip)
    rates = {}
    for name, group in groups.items():
        parts = [group[i : i + BATCH] for i in range(0, len(group), BATCH)]
        written = [text for part in parts for text in transcribe(model, part)]
        rates[name] = float(jiwer.wer([clip.text for clip in group], written))
    return rates
