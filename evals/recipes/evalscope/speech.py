"""evalscope's LibriSpeech set, which goes through chat, on recordings of our own."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from task import TASKS, clips, write, write_set

SET = "librispeech"
SPLIT = "test_clean"


def main(base_url: str, model: str, out: str) -> None:
    """Write the word error rates to the file *out*."""
    folder = Path.cwd()
    write_set(folder / "set", clips())
    rows = []
    for task, streams in zip(TASKS, (False, True), strict=True):
        results = folder / f"stream-{streams}"
        evaluate(base_url, model, folder / "set", results, streams=streams)
        rows.append({"task": task, **read(results / "reports", results / "predictions")})
    write(out, f"evalscope {version('evalscope')}", rows)


def evaluate(base_url: str, model: str, data: Path, results: Path, *, streams: bool) -> None:
    """Run evalscope's command line, which writes into the folder *results*."""
    place = {"local_path": str(data), "subset_list": [SPLIT]}
    flags = {
        "--model": model,
        "--api-url": base_url,
        "--api-key": os.environ["OPENAI_API_KEY"],
        "--eval-type": "openai_api",
        "--eval-batch-size": "16",
        "--datasets": SET,
        "--dataset-args": json.dumps({SET: place}),
        "--generation-config": json.dumps({"temperature": 0, "stream": streams}),
        "--work-dir": str(results),
    }
    program = Path(sys.executable).with_name("evalscope")
    words = [word for flag in flags.items() for word in flag]
    subprocess.run([program, "eval", "--no-timestamp", *words], check=True)  # noqa: S603


def read(reports: Path, predictions: Path) -> dict:
    """Return evalscope's word error rate, and the answers in the order of the set."""
    (report,) = reports.rglob(f"{SET}.json")
    (answers,) = predictions.rglob(f"{SET}_{SPLIT}.jsonl")
    (metric,) = json.loads(report.read_text())["metrics"]
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    lines.sort(key=lambda line: line["index"])
    texts = [line["model_output"]["choices"][0]["message"]["content"] for line in lines]
    return {"score": metric["score"], "samples": texts}


if __name__ == "__main__":
    main(*sys.argv[1:])
