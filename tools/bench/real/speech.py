"""Real speech on real weights: the scenarios of transcription."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from evals.score.edits import in_words
from evals.score.normalizers import normalizer
from tools.bench.match import PIPELINE, SHIM, TUNED, VLLM, WHISPER_CPP, Scenario
from tools.bench.real import whisper

FOLDER = Path("build") / "bench"
GREEDY = {"beam_size": 1, "temperature": 0}
"""The likeliest token each time, which all engines can do; and one try."""
FIELDS = {"beam_size": 1, "temperatures[]": 0}
FORMS = {"int8": "q8_0", "float32": "f16"}
"""Weights of CTranslate2, and those of whisper.cpp that are the nearest."""


def scenario(model: Path, weights: str, recordings: Path, requests: tuple[int, ...]) -> Scenario:
    """Return what is measured of *model* with *weights* of 8 bits (int8) or 32 (float32).

    vLLM computes with 32 bits. It prompts every Whisper with a language. English models do not
    know that prompt, and often end at once; so vLLM takes part with multilingual ones.
    """
    lines = (recordings / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
    samples = [json.loads(line) for line in lines]
    targets = {str(recordings / each["audio"]): each["target"] for each in samples}
    files = list(targets)
    # Every third comes first, so that the few of one in flight are of all kinds.
    clips = files[::3] + files[1::3] + files[2::3]
    with_vllm = weights == "float32" and not model.name.endswith(".en")
    return Scenario(
        title=f"{model.name}, {weights}",
        model=model,
        device="cpu",
        compute_type=weights,
        options=GREEDY,
        fields=FIELDS,
        clips=clips,
        requests=requests,
        batch=8,
        names=[TUNED, PIPELINE, WHISPER_CPP, *([VLLM] if with_vllm else []), SHIM],
        ggml=converted(model, FORMS[weights]),
        hf=converted(model, "hf") if with_vllm else None,
        word_errors=word_errors(targets),
    )


def converted(model: Path, form: str) -> Path:
    """Return *model* in another format, written now if it was not written before."""
    target = FOLDER / f"{model.name}-{form}"
    if not target.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        whisper.write(model, form, part)
        part.rename(target)
    return target


def word_errors(targets: dict[str, str]) -> Callable[[Sequence[str], Sequence[str]], float]:
    """Return the function from files and texts to the word error rate.

    It is that of `evals run`: edits of all answers over words of all targets, after Whisper's
    normalizer for English.
    """
    normalise = normalizer("english")

    def rate(files: Sequence[str], texts: Sequence[str]) -> float:
        pairs = zip(files, texts, strict=True)
        edits = [in_words(normalise(targets[file]), normalise(text)) for file, text in pairs]
        return sum(each.total for each in edits) / sum(each.size for each in edits)

    return rate
