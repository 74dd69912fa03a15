"""Runs lm-eval on the tasks of this folder, and returns what it found for each sample."""

import json
import os
from importlib.metadata import version
from pathlib import Path

import lm_eval
from lm_eval.tasks import TaskManager

HERE = Path(__file__).parent
CHOICES, SUMS = "local_choices", "local_sums"
METRIC = {CHOICES: "acc,none", SUMS: "exact_match,none"}
LIMIT = {CHOICES: 32, SUMS: 16}
"""Samples of each task: a small model takes seconds for a text, on a busy machine many."""


def evaluate(row: str, task: str, model: str, given: dict, **options: object) -> dict:
    """Return a row of scores: that of *task* by *model*, a name of lm-eval's.

    *given* is what `--model_args` takes on the command line.
    """
    # The tasks name their data from the root of the checkout.
    os.chdir(HERE.parents[2])
    results = lm_eval.simple_evaluate(
        model,
        model_args=given,
        tasks=[task],
        task_manager=TaskManager(include_path=HERE, include_defaults=False),
        limit=LIMIT[task],
        bootstrap_iters=0,
        **options,
    )
    samples = sorted(results["samples"][task], key=lambda sample: sample["doc_id"])
    got = [_got(sample["filtered_resps"]) for sample in samples]
    return {"task": row, "score": results["results"][task][METRIC[task]], "samples": got}


def _got(responses: list) -> str | list[float | str]:
    """Return the text of a sample, or each choice's loglikelihood and whether it is greedy."""
    if isinstance(responses[0], str):
        return responses[0]
    return [one for logprob, greedy in responses for one in (float(logprob), str(bool(greedy)))]


def write(out: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    Path(out).write_text(json.dumps({"harness": f"lm-eval {version('lm-eval')}", "rows": rows}))
