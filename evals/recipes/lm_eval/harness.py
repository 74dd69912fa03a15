"""Runs lm-eval's command line on the tasks of this folder, and reads what it wrote."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HARNESS = f"lm-eval {version('lm-eval')}"


def evaluate(task: str, model: str, arguments: dict[str, object], *flags: str) -> dict:
    """Return lm-eval's score of *task*, and what it got for each sample.

    *model* is a name of lm-eval's, *arguments* are what `--model_args` takes.
    """
    out = Path.cwd() / f"{task}-{len(list(Path.cwd().iterdir()))}"
    given = ",".join(f"{name}={value}" for name, value in arguments.items())
    command = [sys.executable, "-m", "lm_eval", "--model", model, "--model_args", given]
    command += ["--tasks", task, "--include_path", str(HERE), "--output_path", str(out)]
    # The tasks name their data from the root of the checkout.
    subprocess.run([*command, "--log_samples", *flags], cwd=ROOT, check=True)  # noqa: S603
    (results,) = out.rglob("results_*.json")
    (samples,) = out.rglob("samples_*.jsonl")
    scores = json.loads(results.read_text())["results"][task]
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    lines.sort(key=lambda line: line["doc_id"])
    metric = next(name for name in ("acc,none", "exact_match,none") if name in scores)
    return {"score": scores[metric], "samples": [one for line in lines for one in _got(line)]}


def _got(line: dict) -> list[float | str]:
    """Return the text of a sample, or each choice's loglikelihood and whether it is greedy."""
    found = []
    for response in line["filtered_resps"]:
        if isinstance(response, str):
            found.append(response)
        else:
            logprob, greedy = response
            found += [float(logprob), str(greedy)]
    return found


def write(out: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    Path(out).write_text(json.dumps({"harness": HARNESS, "rows": rows}))
