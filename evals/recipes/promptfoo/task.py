"""The samples of this recipe, scored as promptfoo scores them, for the computations in process."""

import json
from collections.abc import Callable
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"


def samples(name: str) -> list[dict]:
    """Return the samples of a file of `evals/data`."""
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def write(
    out: str, task: str, chosen: list[dict], texts: list[str], passes: Callable[[str, str], bool]
) -> None:
    """Write the share of *texts* for which *passes*(target, text) is true to the file *out*."""
    targets = [sample["target"] for sample in chosen]
    score = sum(map(passes, targets, texts)) / len(texts)
    row = {"task": task, "score": score, "samples": texts}
    Path(out).write_text(json.dumps({"harness": "in process", "rows": [row]}))
