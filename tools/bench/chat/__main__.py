r"""Measures Shim against vLLM's own servers and its bare engine, on this machine, in turns.

    python -m tools.bench.chat
    python -m tools.bench.chat --quick
    python -m tools.bench.chat --kinds scored
    python -m tools.bench.chat --streams 64 --rounds 3 --peers shim,vllm --kinds streamed

Prints tables and, if everything of a section was measured, writes them to `docs/benchmarks.md`.
"""

import argparse
import shlex
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tools.bench import tables
from tools.bench.chat import report, rust
from tools.bench.chat.match import KINDS, PEERS, RUST, SCORED, STREAMED, WHOLE, Load, Match, play

MODEL = Path("tests") / "models" / "chat-hf"
STREAMS = [1, 8, 64, 256]
TOKENS = 64
SECTIONS = {"chat": [STREAMED, WHOLE], "scores": [SCORED]}
"""Sections of the page, with the kinds that have to be measured together."""
ENGINE = {
    "dtype": "float32",
    "max_model_len": 2048,
    "max_num_seqs": 256,
    "kv_cache_memory_bytes": 1 << 28,
    "disable_log_stats": True,
}


def say(line: str) -> None:
    """Print progress to stderr; the tables go to stdout."""
    print(line, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one small round, nothing written")
    parser.add_argument("--starts", type=int, default=3, help="of all processes anew")
    parser.add_argument("--rounds", type=int, default=3, help="after each start")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--streams", type=_listed, default=STREAMS, help="in flight: 1,8,64,256")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of every answer")
    parser.add_argument("--peers", type=_listed, default=list(PEERS), help=",".join(PEERS))
    parser.add_argument("--kinds", type=_listed, default=SECTIONS["chat"], help=",".join(KINDS))
    parser.add_argument("--compile", action="store_true", help="without enforce_eager")
    return parser.parse_args()


def _listed(text: str) -> list[int] | list[str]:
    parts = text.split(",")
    return [int(part) for part in parts] if parts[0].isdigit() else parts


def main() -> None:
    """Measure, report."""
    given = arguments()
    if find_spec("vllm") is None:
        sys.exit("vLLM is not installed here: make setup")
    if unknown := set(given.peers) - set(PEERS):
        sys.exit(f"no such peers: {', '.join(unknown)}")
    if unknown := set(given.kinds) - set(KINDS):
        sys.exit(f"no such kinds: {', '.join(unknown)}")
    loads = [Load(streams, kind) for streams in given.streams for kind in given.kinds]
    # The Rust front end is fetched apart.
    here = [peer for peer in PEERS if peer != RUST or rust.program() is not None]
    peers = [peer for peer in here if peer in given.peers]
    engine = {**ENGINE, "enforce_eager": not given.compile}
    starts, rounds = (1, 1) if given.quick else (given.starts, given.rounds)
    played = []
    for start in range(starts):
        say(f"start {start + 1} of {starts}")
        with (
            tempfile.TemporaryDirectory() as folder,
            Match(MODEL, engine, peers, tokens=given.tokens).open(Path(folder)) as match,
        ):
            played += play(match, loads, peers, rounds=rounds, seconds=given.seconds, say=say)
    command = shlex.join(["python", "-m", "tools.bench.chat", *sys.argv[1:]])
    text = report.document(played, engine, tokens=given.tokens, starts=starts, command=command)
    print(text)
    everything = given.streams == STREAMS and peers == here and given.tokens == TOKENS
    for section, kinds in SECTIONS.items():
        if everything and given.kinds == kinds and not given.quick:
            tables.write(tables.DOCUMENT, section, tables=text, results=report.results(played))


if __name__ == "__main__":
    main()
