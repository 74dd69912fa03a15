r"""Measures Shim against bare faster-whisper, on this machine, in turns.

    python -m tools.bench.transcription
    python -m tools.bench.transcription --quick
    python -m tools.bench.transcription --device cuda --size large-v3 --batch 32

Prints tables and, unless it is quick, writes them to `docs/benchmarks.md`.
"""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

from tools.bench import model, report, tables
from tools.bench.match import Scenario, compete

BUILTIN = Path("backends") / "builtin" / "speech"
CLIPS = Path("evals") / "data" / "clips"
TOKENS = 32
"""Text tokens of every answer of a random model: some ten seconds of speech."""


def say(line: str) -> None:
    """Print progress to stderr; the tables go to stdout."""
    print(line, file=sys.stderr, flush=True)


def scenarios(given: argparse.Namespace) -> list[Scenario]:
    """Return what is measured; the built-in model only on a CPU, for which it is made."""
    on_cpu = given.device == "cpu"
    quantization = "int8" if on_cpu else "float16"
    share = 4 if given.quick else 1
    clips = sorted(map(str, CLIPS.glob("en-*")))[::2]
    random = model.cached(given.size, tokens=TOKENS, quantization=quantization)
    found = [
        Scenario(
            title=f"whisper-{given.size}, random weights, {TOKENS} tokens, beam {beam}",
            model=random,
            device=given.device,
            compute_type=quantization,
            options={"beam_size": beam},
            fields={"beam_size": beam},
            clips=clips,
            requests=_shared((4, 12, 64) if on_cpu else (16, 128, 256), share),
            batch=given.batch,
        )
        for beam in (5, 1)
    ]
    if on_cpu:
        found.append(
            Scenario(
                title="The built-in model, as it is shipped",
                model=BUILTIN,
                device="cpu",
                compute_type="int8",
                # No fallback: what is drawn at random is never the same text twice.
                options={"temperature": 0},
                fields={"temperatures[]": 0},
                clips=clips,
                requests=_shared((16, 32, 64), share),
                batch=given.batch,
            )
        )
    return found[::2] if given.quick else found


def _shared(requests: tuple[int, ...], share: int) -> tuple[int, ...]:
    return tuple(max(count // share, 2) for count in requests)


def main() -> None:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one small round, nothing written")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", choices=model.SHAPES, default="tiny")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", type=int, default=8, help="windows in one batch")
    parser.add_argument("--out", type=Path, default=tables.DOCUMENT)
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    with tempfile.TemporaryDirectory() as folder:
        results = [
            compete(scenario, rounds=rounds, folder=Path(folder), say=say)
            for scenario in scenarios(given)
        ]
    command = shlex.join(["python", "-m", "tools.bench.transcription", *sys.argv[1:]])
    text = report.document(results, command)
    print(text)
    if not given.quick:
        lines = report.results(results)
        tables.write(given.out, "transcription", tables=text, results=lines)


if __name__ == "__main__":
    main()
