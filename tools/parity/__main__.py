"""Compares Shim's answers with those of vLLM's own server, request by request.

`python -m tools.parity` sends the same requests to both and writes `docs/parity.md`. It fails if
answers differ without a reason, or do not differ although there is one.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests import idefics, lora
from tools.parity.answers import Answer, ask
from tools.parity.compare import differences
from tools.parity.embedding_shapes import EMBEDDINGS
from tools.parity.report import Outcome, write
from tools.parity.response_shapes import RESPONSES
from tools.parity.servers import Server, Setup, shim, vllm
from tools.parity.shapes import ADAPTED, DEFAULTS, IMAGES, PLAIN, REASONING, Shape

Suite = tuple[Setup, tuple[Shape, ...]]


def main() -> int:
    """Send all requests, or those whose name contains an argument; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only requests whose name contains this")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [
            outcome
            for setup, shapes in _suites(Path(folder))
            if (chosen := [shape for shape in shapes if only in shape.name])
            for outcome in _outcomes(Path(folder), setup, chosen)
        ]
    for outcome in outcomes:
        if not outcome.expected:
            print(f"{outcome.name}: {'; '.join(outcome.differences) or 'the same, with a reason'}")
    print(f"{len(outcomes)} requests, {sum(not o.differences for o in outcomes)} the same")
    if not only:
        write(outcomes)
    return int(not all(outcome.expected for outcome in outcomes))


def _suites(folder: Path) -> tuple[Suite, ...]:
    # vLLM's defaults; those of Shim are compared in `DEFAULTS`.
    theirs = {"tool_call_parser": "hermes", "tool_strict_level": "auto"}
    grammars = {"backend": "xgrammar"}
    thinking = {
        **theirs,
        "reasoning_parser": "qwen3",
        # The small model does not think unless its thoughts are constrained too.
        "structured_outputs_config": {**grammars, "enable_in_reasoning": True},
    }
    adapters = {"odd": lora.make(folder / "odd")}
    adapted = {"max_lora_rank": lora.RANK, "lora_target_modules": lora.TARGETS}
    pooling = {
        "runner": "pooling",
        "convert": "embed",
        "hf_overrides": {"matryoshka_dimensions": [32]},
    }
    seeing = idefics.make(folder / "idefics")
    return (
        (Setup({**theirs, "structured_outputs_config": grammars}), (*PLAIN, *RESPONSES)),
        (Setup({"tool_call_parser": "hermes"}), DEFAULTS),
        (Setup(thinking), REASONING),
        (Setup(adapted, adapters=adapters), ADAPTED),
        (Setup({"max_model_len": 1024}, source=seeing), IMAGES),
        (Setup(pooling), EMBEDDINGS),
    )


def _outcomes(folder: Path, setup: Setup, shapes: list[Shape]) -> Iterator[Outcome]:
    with shim(folder, setup) as ours, vllm(folder, setup) as theirs:
        for shape in shapes:
            for stream in (False, True) if shape.streams else (False,):
                yield _outcome(shape, ours, theirs, stream=stream)


def _outcome(shape: Shape, ours: Server, theirs: Server, *, stream: bool) -> Outcome:
    here, there = (_ask(server, shape, stream=stream) for server in (ours, theirs))
    reason = (shape.stream_departure if stream else "") or shape.departure
    name = f"{shape.name}, streamed" if stream else shape.name
    return Outcome(name, shape.path, reason, list(differences(here, there)))


def _ask(server: Server, shape: Shape, *, stream: bool) -> Answer:
    answer = ask(server.url, shape.path, {"model": "model", **shape.body}, stream=stream)
    # With every echo vLLM's server adds the prompt's values, although they were not requested.
    for choice in answer.get("choices", {}).values():
        if "prompt_logprobs" not in shape.body:
            choice.pop("prompt_logprobs", None)
        if "return_token_ids" not in shape.body:
            choice.pop("prompt_token_ids", None)
    return answer


if __name__ == "__main__":
    sys.exit(main())
