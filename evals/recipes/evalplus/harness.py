"""The tasks of this recipe, and evalplus's own evaluation of what a model wrote."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
DATASETS = ("humaneval", "mbpp")

# evalplus reads them when it is imported. Without them it downloads its data sets; expected results
# are kept in the cache.
os.environ["HUMANEVAL_OVERRIDE_PATH"] = str(HERE / "humaneval.jsonl")
os.environ["MBPP_OVERRIDE_PATH"] = str(HERE / "mbpp.jsonl")
os.environ["XDG_CACHE_HOME"] = str(Path("cache").absolute())


def evaluate(dataset: str, **flags: str) -> None:
    """Run evalplus's command. It runs what the model wrote, in a process of its own."""
    given = [f"--{name}={value}" for name, value in flags.items()]
    command = [sys.executable, "-m", "evalplus.evaluate", f"--dataset={dataset}", *given]
    subprocess.run(command, check=True)  # noqa: S603


def row(dataset: str, samples: Path) -> dict:
    """Return the share of tasks whose tests all passed, and the answers as the model wrote them.

    *samples* is the file that evalplus wrote for the answers; those of its results are beside it.
    """
    results = json.loads(samples.with_name(f"{samples.stem}_eval_results.json").read_text())
    statuses = [one for task in results["eval"].values() for one in task]
    passed = [one["base_status"] == one["plus_status"] == "pass" for one in statuses]
    answers = samples.with_suffix(".raw.jsonl").read_text().splitlines()
    return {
        "task": dataset,
        "score": sum(passed) / len(passed),
        "samples": [json.loads(line)["solution"] for line in answers],
    }


def write(out: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    Path(out).write_text(json.dumps({"harness": f"evalplus {version('evalplus')}", "rows": rows}))
