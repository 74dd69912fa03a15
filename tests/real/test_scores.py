"""Real models and recordings: `evals run` over HTTP has the score that is computed in process.

It is equal to the last digit, and so is each answer.
"""

from pathlib import Path

import pytest
from faster_whisper import WhisperModel

import evals
from tests.fidelity.evaluated import (
    answers,
    evaluate,
    heard,
    likelihoods,
    lines,
    right_choices,
    weighed,
    word_errors,
)
from tests.live import LiveServer
from tests.real.pulled import BASE, RECORDINGS, TINY
from tests.weights import Weights

DATA = Path(evals.__file__).parent / "data"

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("frozen_garbage")]


@pytest.mark.parametrize("model", [TINY, BASE], ids=["tiny.en", "base"])
def test_word_errors(model: Path, real_server: LiveServer, tmp_path: Path) -> None:
    """The recordings have the same word errors, with the options that a run has by default."""
    data = RECORDINGS / "recordings.jsonl"
    texts = heard(
        WhisperModel(str(model), device="cpu", compute_type="float32", cpu_threads=1), data
    )

    run = evaluate(real_server, model.name, data, tmp_path / "run")

    assert answers(run) == texts
    assert run.summary.score.value == word_errors(data, texts, english=True)


@pytest.mark.parametrize("scorer", ["loglikelihood", "loglikelihood-per-character"])
def test_choices(scorer: str, real_server: LiveServer, weights: Weights, tmp_path: Path) -> None:
    """32 questions have the same right choices; each loglikelihood is within a hundredth."""
    data = DATA / "choices.jsonl"
    expected = [likelihoods(weights, sample) for sample in lines(data)]

    run = evaluate(real_server, "gpt-4o-mini", data, tmp_path / "run", "--scorer", scorer)

    assert weighed(run) == [pytest.approx(values, abs=1e-2) for values in expected]
    norm = scorer == "loglikelihood-per-character"
    assert run.summary.score.value == right_choices(lines(data), expected, norm=norm)


def test_short_answers(real_server: LiveServer, weights: Weights, tmp_path: Path) -> None:
    """12 questions have the same share of answers that equal the target."""
    data = DATA / "questions.jsonl"
    samples = lines(data)
    texts = [weights.reply(sample["messages"], max_tokens=64) for sample in samples]

    flags = ["--max-tokens", "64", "--scorer", "exact"]
    run = evaluate(real_server, "gpt-4o-mini", data, tmp_path / "run", *flags)

    right = sum(
        text.strip() == sample["target"] for text, sample in zip(texts, samples, strict=True)
    )
    assert answers(run) == texts
    assert run.summary.score.value == right / len(samples)
