r"""Shim against vLLM's own server and its bare engine, on this machine, in turns.

    python -m tools.bench.chat
    python -m tools.bench.chat --quick
    python -m tools.bench.chat --streams 64 --rounds 3 --peers shim,vllm --only streamed

Prints tables and, unless it is quick or in part, writes them to `docs/benchmarks.md`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tools.bench.chat import report
from tools.bench.chat.match import PEERS, Load, Match, play

MODEL = Path("tests") / "models" / "chat-hf"
ENGINE = {
    "dtype": "float32",
    "max_model_len": 2048,
    "max_num_seqs": 256,
    "kv_cache_memory_bytes": 1 << 28,
    "disable_log_stats": True,
}


def say(line: str) -> None:
    """Tell how far it is, beside the tables."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one small round, nothing written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--streams", default="1,8,64,256", help="in flight at once")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--only", choices=["streamed", "whole"])
    parser.add_argument("--compile", action="store_true", help="without enforce_eager")
    given = parser.parse_args()
    rounds, seconds = (1, 1.0) if given.quick else (given.rounds, given.seconds)
    loads = [
        Load(int(streams), streamed)
        for streams in given.streams.split(",")
        for streamed in (True, False)
        if given.only is None or streamed == (given.only == "streamed")
    ]
    peers = [peer for peer in PEERS if peer in given.peers.split(",")]
    engine = {**ENGINE, "enforce_eager": not given.compile}
    with (
        tempfile.TemporaryDirectory() as folder,
        Match(MODEL, engine, peers).open(Path(folder)) as match,
    ):
        played = play(match, loads, peers, rounds=rounds, seconds=seconds, say=say)
    for streamed in (True, False):
        if any(load.streamed == streamed for load in loads):
            print(report.table(played, streamed=streamed))


if __name__ == "__main__":
    main()
