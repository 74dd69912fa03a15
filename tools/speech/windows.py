"""Training windows: one utterance, a few, or up to 30 s of them, and the tokens to be written.

A long window with timestamps may cut its last utterance, as a recording does: then the text ends
with the end of the last whole utterance twice over, `<|end|><|cut|>`: Whisper's way to say where
to go on. One without timestamps ends in silence, as the pieces of a voice detector do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from tools.speech import tokenizer as ids
from tools.speech.clips import RATE, Clip
from tools.speech.grammar import WORDS, sentence, translate

Audio = npt.NDArray[np.float32]
IGNORED = -100
"""The class of a frame whose word is not known."""

FRAME_CLASS = {word: 1 + place for place, word in enumerate(WORDS)}


@dataclass(frozen=True)
class Kind:
    """A sort of window: how many utterances, its longest duration (s), how often timestamps."""

    name: str
    least: int
    most: int
    seconds: float
    timestamps: float


KINDS = [
    Kind("single", 1, 1, 9, 0.5),
    Kind("several", 2, 4, 14, 0.65),
    Kind("long", 5, 16, 30, 0.65),
]


@dataclass(frozen=True)
class Heard:
    """A word as it is written and where it sounds; times in seconds of the window."""

    token: int
    """The place in `Window.tokens` whose next token is the word."""

    start: float
    end: float
    segment_start: float
    segment_end: float


@dataclass
class Window:
    """Audio of up to 30 s and the tokens to be written for it."""

    audio: Audio
    tokens: list[int]
    weights: list[float]
    """The weight of predicting the token after each place."""

    start: int
    """The place of <|startoftranscript|>."""

    silent: bool
    heard: list[Heard] = field(default_factory=list)
    frames: list[tuple[float, float, int]] = field(default_factory=list)
    """From, to (seconds) and the class of the word that sounds; elsewhere is silence, class 0."""


@dataclass
class _Track:
    """Audio that grows, and what was put on it."""

    parts: list[Audio] = field(default_factory=list)
    seconds: float = 0.0
    segments: list[tuple[float, float, Clip]] = field(default_factory=list)
    cut: float | None = None

    def rest(self, seconds: float) -> None:
        self.add(np.zeros(int(seconds * RATE), np.float32))

    def add(self, audio: Audio) -> None:
        self.parts.append(audio)
        self.seconds += len(audio) / RATE

    def audio(self) -> Audio:
        joined = np.concatenate(self.parts)[: 30 * RATE]
        return np.pad(joined, (0, max(0, RATE // 5 - len(joined))))


class Windows:
    """Draws windows from pools of clips; everything follows from one seed."""

    def __init__(self, clips: list[Clip], seed: int) -> None:
        self.rng = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        self._pools: dict[str, list[Clip]] = {"en": [], "de": [], "es": [], "programs": []}
        for clip in clips:
            pool = clip.language if clip.engine == "espeak" else "programs"
            self._pools[pool].append(clip)

    def draw(self, kind: Kind, context: int = 0) -> Window:
        """One window; *context* is about how many tokens of earlier text stand before it."""
        rng = self.rng
        language = rng.choices(["en", "de", "es"], [0.84, 0.08, 0.08])[0]
        silent = kind.name == "single" and rng.random() < 0.05
        timed = rng.random() < kind.timestamps
        track = self._silence() if silent else self._speech(kind, language, timed=timed)
        audio = self._degraded(track.audio(), silent=silent)
        translated = language != "en" and rng.random() < 0.4
        task = translated or (language == "en" and rng.random() < 0.08)
        if kind.name == "long" and rng.random() < 0.55:
            context = rng.randint(4, 60) if rng.random() < 0.4 else rng.randint(60, 222)
        before = self._context(context, language, full=kind.name == "long")
        window = Window(
            audio,
            [*before, ids.START, ids.language_id(language)],
            [0.0] * len(before) + [0.3, 0.0],
            start=len(before),
            silent=silent,
        )
        window.tokens.append(ids.TRANSLATE if task else ids.TRANSCRIBE)
        window.weights.append(1.0 if timed else 0.0)
        if not timed:
            window.tokens.append(ids.NO_TIMESTAMPS)
            window.weights.append(1.0)
        _write(window, track, language if translated else None, timed=timed)
        return window

    def _silence(self) -> _Track:
        track = _Track()
        track.rest(self.rng.uniform(0.3, 4))
        return track

    def _clip(self, language: str) -> Clip:
        programs = language == "en" and self._pools["programs"] and self.rng.random() < 0.38
        return self.rng.choice(self._pools["programs" if programs else language])

    def _speech(self, kind: Kind, language: str, *, timed: bool) -> _Track:
        rng, track = self.rng, _Track()
        if rng.random() >= 0.15:
            track.rest(rng.uniform(0, 1.2) * rng.random())
        for place in range(rng.randint(kind.least, kind.most)):
            if place:
                long = rng.random() >= 0.8
                track.rest(rng.uniform(1.5, 3.5) if long else rng.uniform(0.15, 1.5))
            clip = self._clip(language)
            audio, now = clip.samples(), track.seconds
            if place and now + clip.seconds > kind.seconds - 0.3:
                if timed and kind.name == "long" and now < 29.2 and rng.random() < 0.8:
                    track.cut = now
                    track.add(audio[: int((30 - now) * RATE)])
                return track
            track.segments.append((now, now + clip.seconds, clip))
            track.add(audio * np.float32(rng.uniform(0.35, 1)))
        track.rest(rng.uniform(0, 0.6) if rng.random() < 0.7 else rng.uniform(0.6, 2.5))
        return track

    def _degraded(self, audio: Audio, *, silent: bool) -> Audio:
        """White or red noise at 8 to 45 dB in 60 % of the windows, and 0 to 30 dB less gain."""
        rng = self.rng
        if rng.random() < (0.92 if silent else 0.6):
            noise = self._noise.standard_normal(len(audio)).astype(np.float32)
            if rng.random() < 0.5:
                noise = lfilter([1], [1, -rng.uniform(0.3, 0.97)], noise).astype(np.float32)
            level = 0.1 if silent else np.sqrt((audio**2).mean() + 1e-9)
            noise /= np.sqrt((noise**2).mean()) + 1e-9
            audio = audio + noise * level * 10 ** (-rng.uniform(8, 45) / 20)
        return (audio * 10 ** (-rng.uniform(0, 30) / 20)).astype(np.float32)

    def _context(self, most: int, language: str, *, full: bool) -> list[int]:
        """Earlier text: sentences with and without timestamps, at times after random bytes."""
        rng = self.rng
        if not most:
            return []
        least = max(2, most - 20) if full else 2
        tokens: list[int] = []
        if rng.random() < 0.08:
            tokens += [rng.randrange(256) for _ in range(rng.randint(1, 30))]
        timed = rng.choice([0, 0.5, 1, 1])
        while len(tokens) < rng.randint(least, most):
            words = [ids.word_id(word) for word in sentence(rng, language).split()]
            if rng.random() < timed:
                ends = [ids.FIRST_TIMESTAMP + rng.randrange(ids.STEPS) for _ in range(2)]
                words = [ends[0], *words, ends[1]]
            tokens += words
        return [ids.PREVIOUS, *tokens[-rng.randint(max(1, least - 1), most) :]]


def _write(window: Window, track: _Track, source: str | None, *, timed: bool) -> None:
    """Append what is to be written for the track; *source* is the language to translate from."""

    def put(token: int) -> None:
        window.tokens.append(token)
        window.weights.append(1.0)

    if timed and window.silent:
        put(ids.timestamp_id(0))
    for start, end, clip in track.segments:
        if timed:
            put(ids.timestamp_id(start))
        words = (translate(clip.text, source) if source else clip.text).split()
        spans = _spans(clip, start, end)
        for word, (first, last) in zip(words, spans, strict=True):
            window.heard.append(Heard(len(window.tokens) - 1, first, last, start, end))
            put(ids.word_id(word))
        if timed:
            put(ids.timestamp_id(end))
        if clip.starts is None:
            window.frames.append((start, end, IGNORED))
        else:
            spoken = zip(clip.text.split(), spans, strict=True)
            window.frames += [(first, last, FRAME_CLASS[w]) for w, (first, last) in spoken]
    if track.cut is not None:
        put(ids.timestamp_id(track.cut))
        window.frames.append((track.cut, 30.0, IGNORED))
    window.tokens.append(ids.END)


def _spans(clip: Clip, start: float, end: float) -> list[tuple[float, float]]:
    """Where each word of a clip sounds, or (-1, -1) where the synthesiser did not tell."""
    if clip.starts is None:
        return [(-1.0, -1.0)] * len(clip.text.split())
    firsts = [start + time for time in clip.starts]
    return [(a, max(b, a + 0.06)) for a, b in zip(firsts, [*firsts[1:], end], strict=True)]
