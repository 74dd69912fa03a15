"""evalplus on the same weights in transformers, behind its own provider for OpenAI's client."""

import sys
from pathlib import Path
from types import SimpleNamespace

# First: it sets where evalplus finds the tasks.
from harness import DATASETS, evaluate, row, write  # isort: split

import openai
from evalplus.codegen import run_codegen
from evalplus.gen.util import openai_request

from tests.weights import Weights


def client(model: Weights) -> SimpleNamespace:
    """Return what the provider uses of a client; the weights answer, greedily."""

    def create(*, messages: list[dict], max_tokens: int, **_: object) -> SimpleNamespace:
        message = SimpleNamespace(content=model.reply(messages, max_tokens=max_tokens))
        return SimpleNamespace(choices=[SimpleNamespace(message=message)])

    return SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))


def main(weights: str, out: str) -> None:
    """Write the share of solved tasks to the file *out*."""
    local = client(Weights(Path(weights)))
    openai.OpenAI = lambda **_: local
    # The other one tries for ever after any error.
    openai_request.make_auto_request = openai_request.make_request
    rows = []
    for dataset in DATASETS:
        samples = run_codegen("local", dataset, root="results", backend="openai", greedy=True)
        # Not in this process: it limits the memory to less than torch's.
        evaluate(dataset, samples=samples)
        rows.append(row(dataset, Path(samples)))
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
