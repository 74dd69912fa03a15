"""The questions of this recipe, and deepeval's score of them."""

import json
from pathlib import Path

from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase

SUMS = Path(__file__).parents[2] / "data" / "sums.jsonl"
MAX_TOKENS = 32
TASKS = ("chat", "chat, streamed", "chat, by deepeval")


def sums() -> list[tuple[str, str]]:
    """Return 62 questions, each with its answer."""
    lines = [json.loads(line) for line in SUMS.read_text().splitlines()]
    return [(line["messages"][0]["content"], line["target"]) for line in lines]


def row(task: str, samples: list[tuple[str, str]], answers: list[str]) -> dict:
    """Return the mean of deepeval's exact match, with the answers."""
    metric = ExactMatchMetric()
    cases = [
        LLMTestCase(input=question, actual_output=answer, expected_output=target)
        for (question, target), answer in zip(samples, answers, strict=True)
    ]
    scores = [metric.measure(case, _show_indicator=False) for case in cases]
    return {"task": task, "score": sum(scores) / len(scores), "samples": answers}


def write(out: str, harness: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    Path(out).write_text(json.dumps({"harness": harness, "rows": rows}))
