"""Runs lmms-eval's command line on the tasks of the plug-in, and reads what it wrote."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HARNESS = f"lmms-eval {version('lmms-eval')}"
FAILED = "[LMMS_EVAL_REQUEST_FAILED"
"""How an answer begins that lmms-eval made of a failure."""


class AnswersFailed(Exception):
    """Requests that failed, which lmms-eval scores as answers."""


def evaluate(task: str, model: str, arguments: dict[str, object], **variables: str) -> dict:
    """Return lmms-eval's score of *task*, and the answers in the task's order.

    *model* is a name of lmms-eval's, *arguments* are what `--model_args` takes, and *variables* are
    of the environment. Raises AnswersFailed if an answer is a failure or empty.
    """
    out = Path.cwd() / f"{task}-{model}"
    given = ",".join(f"{name}={value}" for name, value in arguments.items())
    command = [Path(sys.executable).with_name("lmms-eval"), "eval", "--model", model]
    command += ["--model_args", given, "--tasks", task]
    # A plug-in is asked for its tasks only after they are looked up.
    command += [
        "--include_path",
        str(HERE / "plugin" / "tasks"),
        "--output_path",
        str(out),
        "--log_samples",
        "--batch_size",
        "1",
    ]
    plugin = {"LMMS_EVAL_PLUGINS": "plugin", "PYTHONPATH": str(HERE)}
    # The tasks name their data from the root of the checkout.
    environment = {**os.environ, **plugin, **variables}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603
    (results,) = out.rglob("*_results.json")
    (samples,) = out.rglob("*_samples_*.jsonl")
    scores = json.loads(results.read_text())["results"][task]
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    lines.sort(key=lambda line: line["doc_id"])
    answers = [_text(line["filtered_resps"]) for line in lines]
    if wrong := [answer for answer in answers if not answer or answer.startswith(FAILED)]:
        raise AnswersFailed(f"{len(wrong)} of {len(answers)}, the first: {wrong[0]!r}")
    metric = "wer,none" if "wer,none" in scores else "exact_match,none"
    return {"score": scores[metric], "samples": answers}


def _text(answers: str | list[str]) -> str:
    """Return the only answer, which some tasks log as a list."""
    return answers if isinstance(answers, str) else answers[0]


def write(out: str, harness: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    Path(out).write_text(json.dumps({"harness": harness, "rows": rows}))
