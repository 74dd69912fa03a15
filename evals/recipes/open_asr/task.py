"""The recordings of this recipe, and the error rate of the leaderboard."""

import json
import warnings
from pathlib import Path
from typing import NamedTuple

from kaldialign import batch_error_rate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # docstrings with an invalid escape
    from whisper_normalizer.english import EnglishTextNormalizer

MANIFEST = Path(__file__).parents[2] / "data" / "speech.jsonl"


class Clip(NamedTuple):
    """A recording, and what is said in it."""

    file: Path
    target: str


def clips() -> list[Clip]:
    """Return the English clips, 36."""
    lines = [json.loads(line) for line in MANIFEST.read_text().splitlines()]
    return [
        Clip(MANIFEST.parent / line["audio"], line["target"])
        for line in lines
        if line["language"] == "en"
    ]


def row(chosen: list[Clip], texts: list[str]) -> dict:
    """Return the word error rate in percent with two decimals, as the script prints it."""
    normalise = EnglishTextNormalizer()
    references = [tuple(normalise(clip.target).split()) for clip in chosen]
    answers = [tuple(normalise(text).split()) for text in texts]
    errors = batch_error_rate(references, answers, merge_compounds=True)
    rate = round(100 * errors["err_rate"], 2)
    return {"task": "transcription", "score": rate, "samples": texts}


def write(out: str, harness: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    Path(out).write_text(json.dumps({"harness": harness, "rows": rows}))
