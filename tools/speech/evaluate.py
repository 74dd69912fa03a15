"""Figures of a CTranslate2 speech model under faster-whisper with its default options.

    python -m tools.speech.evaluate backends/builtin/speech data/test.npz

Single clips by group of voices, language found, times of segments and words, translation, what is
written for silence, and files of two minutes in the ways that faster-whisper can take them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt
from faster_whisper import BatchedInferencePipeline, WhisperModel

from tools.speech import voices
from tools.speech.clips import RATE, Clip, load
from tools.speech.grammar import translate

Audio = npt.NDArray[np.float32]
BEFORE, AFTER = 0.2, 0.3
"""Seconds of digital silence around a single clip."""


def padded(clip: Clip) -> Audio:
    """Return the audio of a clip between two silences."""
    before, after = (np.zeros(int(s * RATE), np.float32) for s in (BEFORE, AFTER))
    return np.concatenate([before, clip.samples(), after])


def text(segments: Iterable[Any]) -> str:
    """Join what the segments say."""
    return " ".join(segment.text.strip() for segment in segments)


def groups(clips: list[Clip]) -> dict[str, list[Clip]]:
    """English clips by how much of the voice was known while the weights were chosen."""
    fresh = tuple("+" + name.lower() for name in voices.FRESH)

    def group(clip: Clip) -> str:
        if clip.language != "en":
            return clip.language
        if clip.engine == "flite":
            return "flite rms"
        return "fresh voices" if clip.voice.lower().endswith(fresh) else "development voices"

    named: dict[str, list[Clip]] = {}
    for clip in clips:
        named.setdefault(group(clip), []).append(clip)
    return named


def single_clips(model: WhisperModel, name: str, clips: list[Clip]) -> None:
    """Word error rate, exact matches, language found, and the error of the segments' ends."""
    written, right, ends = [], 0, []
    began = time.monotonic()
    for clip in clips:
        found, info = model.transcribe(padded(clip))
        segments = list(found)
        written.append(text(segments))
        right += info.language == clip.language
        if segments:
            ends.append(abs(segments[-1].end - BEFORE - clip.seconds))
    each = (time.monotonic() - began) / len(clips)
    spoken = [clip.text for clip in clips]
    exact = np.mean([a == b for a, b in zip(spoken, written, strict=True)])
    median, ninth = np.quantile(ends, [0.5, 0.9])
    print(
        f"{name:18s} n {len(clips)} WER {jiwer.wer(spoken, written):.3f} exact {exact:.2f} "
        f"language {right / len(clips):.2f} segment end {median:.2f}/{ninth:.2f} s "
        f"{each * 1000:.0f} ms",
        flush=True,
    )


def word_times(model: WhisperModel, clips: list[Clip]) -> None:
    """Median and ninth decile of the error of word starts, where the words are right."""
    errors: list[float] = []
    for clip in clips:
        segments = list(model.transcribe(padded(clip), word_timestamps=True)[0])
        words = [word for segment in segments for word in segment.words]
        if clip.starts and text(segments) == clip.text and len(words) == len(clip.starts):
            told = zip(words, clip.starts, strict=True)
            errors += [abs(word.start - BEFORE - start) for word, start in told]
    median, ninth = np.quantile(errors, [0.5, 0.9])
    print(f"word starts        n {len(errors)} error {median:.3f}/{ninth:.3f} s", flush=True)


def translation(model: WhisperModel, language: str, clips: list[Clip]) -> None:
    """Print the word error rate of the translation of digits to English."""
    written = [
        text(model.transcribe(padded(clip), task="translate", language=language)[0])
        for clip in clips
    ]
    wanted = [translate(clip.text, language) for clip in clips]
    print(f"{language} -> en           n {len(clips)} WER {jiwer.wer(wanted, written):.3f}")


def silence(model: WhisperModel) -> None:
    """Nothing should be written for zeros, noise, or a tone."""
    noise = np.random.default_rng(0)
    tone = 0.3 * np.sin(np.arange(3 * RATE) * 2 * np.pi * 440 / RATE)
    sounds = {
        "zeros 3 s": np.zeros(3 * RATE),
        "zeros 20 s": np.zeros(20 * RATE),
        "noise 3 s": noise.standard_normal(3 * RATE) * 0.05,
        "noise 20 s": noise.standard_normal(20 * RATE) * 0.01,
        "noise 40 s": noise.standard_normal(40 * RATE) * 0.1,
        "tone 3 s": tone,
    }
    for name, sound in sounds.items():
        print(f"{name}: {text(model.transcribe(sound.astype(np.float32))[0])!r}", flush=True)


def long_file(seed: int, clips: list[Clip], seconds: float = 120) -> tuple[Audio, list[str]]:
    """Clips with pauses of 0.3 to 1.8 s and faint noise; and what is said in them."""
    rng = np.random.default_rng(seed)
    parts: list[Audio] = []
    spoken: list[str] = []
    length = 0
    for place in rng.permutation(len(clips)):
        pause = np.zeros(int(rng.uniform(0.3, 1.8) * RATE), np.float32)
        parts += [pause, clips[place].samples()]
        length += len(pause) + len(parts[-1])
        spoken.append(clips[place].text)
        if length > seconds * RATE:
            break
    audio = np.concatenate(parts)
    return (audio + rng.standard_normal(len(audio)) * 0.001).astype(np.float32), spoken


def long_files(model: WhisperModel, clips: list[Clip], count: int) -> None:
    """Two-minute files: two of three of eSpeak's voices alone, the third with rms among them."""
    english = [clip for clip in clips if clip.language == "en"]
    espeak = [clip for clip in english if clip.engine == "espeak"]
    files = [long_file(n + 1, espeak if n % 3 < 2 else english) for n in range(count)]
    batched = BatchedInferencePipeline(model)
    fine = {"min_silence_duration_ms": 100, "speech_pad_ms": 200}
    ways: dict[str, Callable[[Audio], Any]] = {
        "sequential": model.transcribe,
        "sequential, words": lambda x: model.transcribe(x, word_timestamps=True),
        "sequential, no context": lambda x: model.transcribe(x, condition_on_previous_text=False),
        "sequential, vad": lambda x: model.transcribe(x, vad_filter=True),
        "batched": lambda x: batched.transcribe(x, batch_size=4),
        "batched, pieces of 3 s": lambda x: batched.transcribe(
            x, batch_size=8, chunk_length=3, vad_parameters=fine
        ),
    }
    for name, way in ways.items():
        began = time.monotonic()
        heard = [list(way(audio)[0]) for audio, _ in files]
        each = (time.monotonic() - began) / count
        pairs = list(zip(files, heard, strict=True))
        rates = [jiwer.wer(" ".join(spoken), text(found)) for (_, spoken), found in pairs]
        segments = [(len(found), len(spoken)) for (_, spoken), found in pairs]
        print(
            f"120 s {name:24s} WER {np.mean(rates):.3f} {np.round(rates, 3)} "
            f"segments (found, spoken) {segments} {each:.1f} s a file",
            flush=True,
        )


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="CTranslate2 directory")
    parser.add_argument("test", type=Path, help="set of clips (.npz)")
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--files", type=int, default=3, help="how many files of two minutes")
    parser.add_argument("--every", type=int, default=1, help="use one clip in N")
    parser.add_argument("--long-only", action="store_true")
    arguments = parser.parse_args()
    model = WhisperModel(
        arguments.model, compute_type=arguments.compute_type, cpu_threads=arguments.threads
    )
    clips = load(arguments.test)
    if not arguments.long_only:
        named = groups(clips)
        for name, group in named.items():
            single_clips(model, name, group[:: arguments.every])
        voiced = [clip for name, group in named.items() if "voices" in name for clip in group]
        word_times(model, voiced[:: 2 * arguments.every])
        for language in ("de", "es"):
            translation(model, language, named[language][:: arguments.every])
        silence(model)
    long_files(model, clips, arguments.files)


if __name__ == "__main__":
    main()
