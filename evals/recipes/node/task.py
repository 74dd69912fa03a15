"""The samples of this recipe and their score, for the computations in process."""

import json
from collections.abc import Sequence
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"


def samples(*names: str) -> list[dict]:
    """Return the samples of files of `evals/data`."""
    lines = [line for name in names for line in (DATA / name).read_text().splitlines()]
    return [json.loads(line) for line in lines]


def write(out: str, tasks: Sequence[str], right: Sequence[bool], texts: list[str]) -> None:
    """Write a row for each of *tasks* to the file *out*: all have the same answers, *texts*."""
    row = {"score": sum(right) / len(right), "samples": texts}
    rows = [{"task": task, **row} for task in tasks]
    Path(out).write_text(json.dumps({"harness": "in process", "rows": rows}))
