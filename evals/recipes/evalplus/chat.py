"""evalplus against a chat model."""

import sys
from pathlib import Path

from harness import DATASETS, evaluate, row, write


def main(base_url: str, model: str, out: str) -> None:
    """Write the share of solved tasks to the file *out*."""
    server = {"backend": "openai", "base_url": base_url, "model": model, "greedy": "True"}
    for dataset in DATASETS:
        evaluate(dataset, root="results", **server)
    name = f"{model}_openai_temp_0.0.jsonl"
    write(out, [row(dataset, Path("results", dataset, name)) for dataset in DATASETS])


if __name__ == "__main__":
    main(*sys.argv[1:])
