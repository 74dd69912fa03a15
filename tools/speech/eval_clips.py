"""Make `evals/data/speech.jsonl` and its clips: voices and sentences that training never drew.

python -m tools.speech.eval_clips evals/data
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from tools.speech import voices
from tools.speech.clips import RATE, Clip
from tools.speech.espeak import Espeak, variants
from tools.speech.eval_sentences import ENGLISH, GERMAN, SPANISH
from tools.speech.finish import finish
from tools.speech.programs import Order, flite

SEED = 4711
SILENCE = 0.2
"""Seconds of silence before and after the speech."""


def spoken() -> Iterator[Clip]:
    """Every sentence once, in a voice that no training set holds."""
    rng = random.Random(SEED)
    espeak = Espeak()
    names = variants(voices.DEVELOPMENT + voices.FRESH)

    def speak(text: str, language: str, voice: str) -> Clip:
        audio, _ = espeak.say(
            text,
            voice=voice,
            rate=rng.randint(130, 190),
            pitch=rng.randint(30, 70),
            pitch_range=rng.randint(30, 70),
        )
        samples, _ = finish(audio, espeak.rate, 1.0, None)
        return Clip(samples, text, language, "espeak", voice, None)

    for number, text in enumerate(ENGLISH):
        if number % 9 in (3, 8):
            audio, rate = flite(Order(text, voices.UNSEEN_FLITE, rng.uniform(0.9, 1.2)))
            samples, _ = finish(audio, rate, 1.0, None)
            yield Clip(samples, text, "en", "flite", voices.UNSEEN_FLITE, None)
        elif number % 9 in (1, 6):
            yield speak(text, "en", voices.SCOTTISH)
        else:
            base = rng.choice(["en-us", "gmw/en"])
            yield speak(text, "en", base + names[number % len(names)])
    for language, texts in (("de", GERMAN), ("es", SPANISH)):
        for text in texts:
            yield speak(text, language, language + rng.choice(names))


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="usually evals/data")
    folder = parser.parse_args().folder
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    silence = np.zeros(int(SILENCE * RATE), np.int16)
    rows = []
    for number, clip in enumerate(spoken(), start=1):
        voice = clip.voice.rpartition("/")[2].replace("+", "-").lower()
        name = f"{clip.language}-{number:02d}-{clip.engine}-{voice}"
        audio = np.concatenate([silence, clip.audio, silence])
        soundfile.write(folder / "clips" / f"{name}.flac", audio, RATE, subtype="PCM_16")
        row = {
            "id": name,
            "audio": f"clips/{name}.flac",
            "target": clip.text,
            "language": clip.language,
        }
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    (folder / "speech.jsonl").write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
