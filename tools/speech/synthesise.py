r"""Make labelled clips with synthesisers: training sets, the development set, test sets.

    python -m tools.speech.synthesise test --seed 7 --out data/dev.npz
    python -m tools.speech.synthesise fresh --seed 20261123 --out data/test.npz
    python -m tools.speech.synthesise espeak --seed 1 --out data/train-espeak-1.npz \\
        --exclude data/dev.npz data/test.npz

Training speech is played at another rate with the tempo restored, which moves pitch and formants
together; where a synthesiser takes a pitch, that is drawn on its own. Test speech is left as it is.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

from tools.speech import voices
from tools.speech.clips import Clip, reserved, save
from tools.speech.espeak import Espeak, variants
from tools.speech.eval_sentences import SENTENCES
from tools.speech.finish import finish
from tools.speech.grammar import practice, sentence
from tools.speech.programs import Order, festival, flite


class Studio:
    """Draws sentences and voices, and speaks; everything follows from one seed."""

    def __init__(self, seed: int, *, test: bool, excluded: set[str]) -> None:
        self._rng = random.Random(seed)
        self._test = test
        self._excluded = excluded
        self._espeak = Espeak()

    def _text(self, language: str) -> str:
        draw = sentence if self._test else practice
        text = draw(self._rng, language)
        while text in self._excluded:
            text = draw(self._rng, language)
        return text

    def espeak(self, language: str, count: int, names: list[str]) -> Iterator[Clip]:
        """*count* clips in the accents of a language and the variants *names*."""
        rng = self._rng
        for _ in range(count):
            text = self._text(language)
            base = language
            if language == "en":
                base = rng.choice(voices.TEST_BASES if self._test else voices.BASES)
            if language == "es":
                base = rng.choice(voices.SPANISH)
            voice = base + rng.choice(names)
            ratio = 1.0 if self._test else rng.uniform(0.82, 1.22)
            audio, starts = self._espeak.say(
                text,
                voice=voice,
                rate=int(rng.randint(120, 210) / ratio),
                pitch=rng.randint(25, 75),
                pitch_range=rng.randint(30, 70),
            )
            if len(audio) >= 1000:
                samples, times = finish(audio, self._espeak.rate, ratio, starts)
                yield Clip(samples, text, language, "espeak", voice, times)

    def flite_unseen(self, count: int) -> Iterator[Clip]:
        """*count* clips of the voice that is kept for tests, as flite speaks it."""
        for _ in range(count):
            text = self._text("en")
            stretch = self._rng.uniform(0.8, 1.3)
            audio, rate = flite(Order(text, voices.UNSEEN_FLITE, stretch))
            samples, _ = finish(audio, rate, 1.0, None)
            yield Clip(samples, text, "en", "flite", voices.UNSEEN_FLITE, None)

    def flite(self, count: int) -> Iterator[Clip]:
        """*count* training clips of flite's trained voices as many speakers."""
        for _ in range(count):
            order, ratio = self._speaker(voices.FLITE)
            audio, rate = flite(order)
            samples, _ = finish(audio, rate, ratio, None)
            yield Clip(samples, order.text, "en", "flite", order.voice, None)

    def festival(self, count: int) -> Iterator[Clip]:
        """*count* training clips of Festival's trained voices as many speakers."""
        drawn = [self._speaker(voices.FESTIVAL) for _ in range(count)]
        spoken = festival([order for order, _ in drawn])
        for (order, ratio), ((audio, rate), starts) in zip(drawn, spoken, strict=True):
            told = starts if len(starts) == len(order.text.split()) else None
            samples, times = finish(audio, rate, ratio, told)
            yield Clip(samples, order.text, "en", "festival", order.voice, times)

    def _speaker(self, table: dict[str, int]) -> tuple[Order, float]:
        """Draw a sentence for one of few voices, a speaker with pitch and formants of its own."""
        rng = self._rng
        voice = rng.choices(list(table), list(table.values()))[0]
        ratio = rng.choice([rng.uniform(0.78, 1.0), rng.uniform(1.0, 1.28)])
        pitch = rng.uniform(80, 135) if rng.random() < 0.55 else rng.uniform(135, 230)
        order = Order(
            self._text("en"),
            voice,
            stretch=rng.uniform(0.8, 1.3) * ratio,
            pitch=pitch / ratio,
            spread=rng.uniform(5, 30),
            warp=rng.uniform(-0.05, 0.05),
        )
        return order, ratio


def clips(part: str, seed: int, scale: float, excluded: set[str]) -> Iterator[Clip]:
    """Make the clips of one set; `test` is the development set, `fresh` has voices of its own."""
    studio = Studio(seed, test=part in ("test", "fresh"), excluded=excluded)
    development, fresh = variants(voices.DEVELOPMENT), variants(voices.FRESH)
    trained = variants(voices.TRAINED)

    def n(count: int) -> int:
        return int(count * scale)

    if part == "test":
        yield from studio.espeak("en", n(200), development)
        yield from studio.flite_unseen(n(100))
    elif part == "fresh":
        yield from studio.espeak("en", n(100), development)
        yield from studio.espeak("en", n(100), fresh)
        yield from studio.flite_unseen(n(100))
    elif part == "espeak":
        yield from studio.espeak("en", n(4500), trained)
    elif part == "flite":
        yield from studio.flite(n(2000))
    else:
        yield from studio.festival(n(2000))
    if part in ("test", "fresh", "espeak"):
        names = {"test": development, "fresh": development + fresh, "espeak": trained}[part]
        yield from studio.espeak("de", n(40 if part != "espeak" else 450), names)
        yield from studio.espeak("es", n(40 if part != "espeak" else 450), names)


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=["espeak", "flite", "festival", "test", "fresh"])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual size")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="test sets")
    arguments = parser.parse_args()
    excluded = reserved(arguments.exclude)
    if arguments.part not in ("test", "fresh"):
        excluded |= set(SENTENCES)
    made = list(clips(arguments.part, arguments.seed, arguments.scale, excluded))
    save(arguments.out, made)
    hours = sum(clip.seconds for clip in made) / 3600
    print(f"{arguments.out.name}: {len(made)} clips, {hours:.2f} h")


if __name__ == "__main__":
    main()
