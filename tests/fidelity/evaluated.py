"""What `evals run` finds over HTTP, and the same in process, without a part of `evals`."""

import io
import json
from pathlib import Path
from typing import Any

import jiwer
from click.testing import CliRunner
from faster_whisper import WhisperModel
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from backends.whisper.features import one_thread_each
from evals.cli import main
from evals.read import Run, read
from tests.live import KEY, LiveServer
from tests.reference import decode_audio
from tests.weights import Weights


def evaluate(server: LiveServer, model: str, data: Path, folder: Path, *flags: str) -> Run:
    """Return the run of *model* over *data*, whose folder is *folder*."""
    command = ["run", str(data), "--model", model, "--base-url", server.base_url]
    command += ["--api-key", KEY, "--folder", str(folder), *flags]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return read(folder)


def answers(run: Run) -> list[str]:
    """Return the texts of all answers."""
    return [result.answer.text for result in run.results if result.answer]


def weighed(run: Run) -> list[list[float]]:
    """Return the loglikelihoods of the choices of all answers."""
    return [
        [one.value for one in result.answer.loglikelihoods or ()]
        for result in run.results
        if result.answer
    ]


def lines(data: Path) -> list[dict[str, Any]]:
    """Return the lines of a manifest."""
    return [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]


def heard(whisper: WhisperModel, data: Path, **options: Any) -> list[str]:
    """Return what faster-whisper hears in the clips of *data*."""
    texts = []
    # A thread for NumPy too: the last bit of a spectrogram depends on their number.
    with one_thread_each():
        for line in lines(data):
            samples = decode_audio(io.BytesIO((data.parent / line["audio"]).read_bytes()))
            segments, _ = whisper.transcribe(samples, language=line.get("language"), **options)
            texts.append("".join(segment.text for segment in segments).strip())
    return texts


def word_errors(data: Path, texts: list[str], *, english: bool) -> float:
    """Return the word error rate of *texts*, after Whisper's normaliser."""
    normalise = EnglishTextNormalizer() if english else BasicTextNormalizer()
    targets = [line["target"] for line in lines(data)]
    return jiwer.wer(list(map(normalise, targets)), list(map(normalise, texts)))


def likelihoods(weights: Weights, line: dict[str, Any]) -> list[float]:
    """Return the loglikelihood of each choice of *line*, by the weights."""
    begin = len(weights.ids(line["prompt"]))
    texts = [f"{line['prompt']} {choice}" for choice in line["choices"]]
    # The first token has no score: the scores of a choice begin one place before its tokens.
    return [sum(weights.scores(weights.ids(text))[0][begin - 1 :]) for text in texts]


def right_choices(data: list[dict[str, Any]], found: list[list[float]], *, norm: bool) -> float:
    """Return the share of right choices, the sums divided by the characters if *norm*."""
    right = 0
    for line, values in zip(data, found, strict=True):
        sizes = [len(choice) if norm else 1 for choice in line["choices"]]
        weighed = [value / size for value, size in zip(values, sizes, strict=True)]
        right += weighed.index(max(weighed)) == line["target"]
    return right / len(data)
