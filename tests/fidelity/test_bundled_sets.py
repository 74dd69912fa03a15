"""The bundled sets: `evals run` over HTTP has the score that is computed in process.

It is equal to the last digit, and so is each answer: to faster-whisper's, and to transformers'.
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
from tests.live import BUILTIN, LiveServer
from tests.weights import Weights

DATA = Path(evals.__file__).parent / "data"

pytestmark = pytest.mark.usefixtures("frozen_garbage")


@pytest.mark.slow
def test_word_errors(server: LiveServer, tmp_path: Path) -> None:
    """44 clips in three languages have the same word errors."""
    data = DATA / "speech.jsonl"
    whisper = WhisperModel(str(BUILTIN / "speech"), device="cpu", compute_type="int8")
    texts = heard(whisper, data, temperature=0)

    # Without the ladder of temperatures, whose draws are random.
    run = evaluate(server, "whisper-1", data, tmp_path / "run", "--extra", '{"temperatures": "0"}')

    assert answers(run) == texts
    assert run.summary.score.value == word_errors(data, texts, english=False)


def test_sums(server: LiveServer, offline: Weights, tmp_path: Path) -> None:
    """62 questions have the same share of exact answers."""
    data = DATA / "sums.jsonl"
    samples = lines(data)
    texts = [offline.reply(sample["messages"], max_tokens=40) for sample in samples]

    run = evaluate(server, "gpt-4o-mini", data, tmp_path / "run", "--max-tokens", "40")

    right = sum(text == sample["target"] for text, sample in zip(texts, samples, strict=True))
    assert answers(run) == texts
    assert run.summary.score.value == right / len(samples)


@pytest.mark.slow
@pytest.mark.parametrize("scorer", ["loglikelihood", "loglikelihood-per-character"])
def test_choices(scorer: str, server: LiveServer, offline: Weights, tmp_path: Path) -> None:
    """32 questions have the same right choices; each loglikelihood is within a thousandth."""
    data = DATA / "choices.jsonl"
    expected = [likelihoods(offline, sample) for sample in lines(data)]

    run = evaluate(server, "gpt-4o-mini", data, tmp_path / "run", "--scorer", scorer)

    assert weighed(run) == [pytest.approx(values, abs=1e-3) for values in expected]
    norm = scorer == "loglikelihood-per-character"
    assert run.summary.score.value == right_choices(lines(data), expected, norm=norm)
