"""Batches whose server is killed, and beside clients.

    python -m tools.batches kills [--model echo|toy-chat] [--lines 50000] [--kills 5]
    python -m tools.batches beside [--lines 5000] [--chats 200] [--slots 8] [--seconds 0.01]

`kills` exits with 1 if a line has no answer, several, or another line's. `beside` prints how long
clients wait for chats without a batch and beside one.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tools.batches.beside import CLIENTS, measured, rows
from tools.batches.kills import MODELS, killed


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.batches",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    kills = commands.add_parser("kills")
    kills.add_argument("--model", choices=MODELS, default="echo")
    kills.add_argument("--lines", type=int, default=50_000)
    kills.add_argument("--kills", type=int, default=5)
    kills.set_defaults(run=_kills)
    beside = commands.add_parser("beside")
    beside.add_argument("--lines", type=int, default=5_000)
    beside.add_argument("--chats", type=int, default=200)
    beside.add_argument("--slots", type=int, default=8)
    beside.add_argument("--seconds", type=float, default=0.01, help="for each word of an answer")
    beside.set_defaults(run=_beside)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return int(given.run(given, Path(folder)))


def _kills(given: argparse.Namespace, folder: Path) -> bool:
    start = time.perf_counter()
    outcome = killed(folder, model=given.model, count=given.lines, kills=given.kills)
    print("server  answered before  and at its end  memory, MB  at most")
    for number, life in enumerate(outcome.lives, 1):
        counts = f"{life.before:15,}  {life.after:14,}"
        print(f"{number:6}  {counts}  {life.first_megabytes:10.0f}  {life.most_megabytes:7.0f}")
    print(
        f"{outcome.status}: {outcome.answered:,} of {outcome.count:,} lines answered in "
        f"{time.perf_counter() - start:.0f} s, {len(outcome.wrong)} faults"
    )
    print("\n".join(outcome.wrong[:20]))
    return outcome.status != "completed" or bool(outcome.wrong)


def _beside(given: argparse.Namespace, folder: Path) -> bool:
    found = measured(
        folder, slots=given.slots, seconds=given.seconds, chats=given.chats, count=given.lines
    )
    print(f"{given.chats} chats by {CLIENTS} clients, {given.slots} slots   p50, ms  p95, ms")
    for name, middle, late in rows(found):
        print(f"{name:38}{middle:10.1f}{late:9.1f}")
    print(
        f"The batch: {found.lines_per_second:.0f} lines/s beside them, "
        f"{found.alone_after:.0f} after them."
    )
    return False


if __name__ == "__main__":
    sys.exit(main())
