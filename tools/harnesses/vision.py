"""A small model that sees: the tests' tiny Idefics3, which learns the names of six colours."""

import random
import shutil
from pathlib import Path
from typing import Any

from tests import idefics

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 30),
    "blue": (30, 30, 220),
    "yellow": (230, 220, 30),
    "white": (235, 235, 235),
    "black": (20, 20, 20),
}
"""Name → red, green and blue of the middle shade, 0 to 255."""
SPREAD = 20
"""Most by which a shade differs from the middle one, in each of the three."""
QUESTION = "What colour is this?"
SIDE = 64
"""Width and height of a picture, in pixels."""

_STEPS = 80
_SHADES = 4
"""Pictures of each colour in a step."""
_IGNORED = -100
"""The label of a token that the loss leaves out, in transformers."""


def shade(name: str, draw: random.Random) -> tuple[int, ...]:
    """Return red, green and blue of a shade of the colour *name*."""
    return tuple(value + draw.randint(-SPREAD, SPREAD) for value in COLOURS[name])


def make(folder: Path) -> Path:
    """Train the model unless *folder* has it, in a few seconds; return *folder*."""
    if (folder / "trained").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _train(idefics.make(folder))
    (folder / "trained").touch()
    return folder


def _train(folder: Path) -> None:
    import torch  # noqa: PLC0415 - vLLM brings them
    from transformers import AutoProcessor, Idefics3ForConditionalGeneration  # noqa: PLC0415

    processor = AutoProcessor.from_pretrained(folder)
    model = Idefics3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    draw = random.Random(0)
    model.train()
    for _ in range(_STEPS):
        loss = model(**_lesson(processor, draw)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)


def _lesson(processor: Any, draw: random.Random) -> dict[str, Any]:
    """Return a batch of pictures, each with the question and its colour's name as the answer."""
    from PIL import Image  # noqa: PLC0415 - vLLM brings it

    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    prompt = processor.apply_chat_template([{"role": "user", "content": content}])
    names = [name for name in COLOURS for _ in range(_SHADES)]
    pictures = [[Image.new("RGB", (SIDE, SIDE), shade(name, draw))] for name in names]
    texts = [f"{prompt}{name}{processor.tokenizer.eos_token}" for name in names]
    batch = processor(text=texts, images=pictures, return_tensors="pt", padding=True)
    alone = processor(text=[prompt], images=[pictures[0]], return_tensors="pt")
    labels = batch["input_ids"].clone()
    labels[:, : alone["input_ids"].shape[1]] = _IGNORED
    labels[batch["attention_mask"] == 0] = _IGNORED
    return {**batch, "labels": labels}
