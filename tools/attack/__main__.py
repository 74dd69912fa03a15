"""Attacks a server that it starts itself, on loopback only, and says what it withstood.

    python -m tools.attack                        all attacks but vLLM's
    python -m tools.attack --vllm                 those too: an engine takes a minute to start
    python -m tools.attack --quick                the short run
    python -m tools.attack --only silence --only tokenize
    python -m tools.attack --list
    python -m tools.attack --vllm --out docs/security.md

Beside each attack a bystander asks through the stock client, and a probe asks `/health` every
50 ms.
Exit status 1 if an attack was not withstood.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.attack.attack import Attack
from tools.attack.attacker import SECONDS
from tools.attack.catalogue import ATTACKS
from tools.attack.judge import Observed, faults
from tools.attack.report import row, tables, write
from tools.attack.run import run


def chosen(given: argparse.Namespace) -> list[Attack]:
    """Return the attacks that the arguments choose."""
    found = [a for a in ATTACKS if a.configuration != "vllm" or given.vllm]
    if given.kind:
        found = [a for a in found if a.kind == given.kind]
    if given.configuration:
        found = [a for a in found if a.configuration == given.configuration]
    if given.quick:
        found = [a for a in found if a.quick]
    if given.only:
        found = [a for a in found if any(word in a.name for word in given.only)]
    return found


async def attacked(attacks: Sequence[Attack], *, seconds: float) -> list[Observed]:
    """Run *attacks*; print a line for each as it ends. SIGTERM ends it, and the server with it."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    found = []
    async for observed in run(attacks, seconds=seconds):
        found.append(observed)
        print(" | ".join(row(observed)), flush=True)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", help="Names that contain this. May repeat.")
    parser.add_argument("--kind", help="One of the kinds.")
    parser.add_argument("--configuration", help="One of the servers.")
    parser.add_argument("--vllm", action="store_true", help="Attack a vLLM engine as well.")
    parser.add_argument("--quick", action="store_true", help="The short run.")
    parser.add_argument("--list", action="store_true", help="Name the attacks, run none.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="Length of a flood.")
    parser.add_argument("--out", type=Path, help="A document that takes the tables.")
    return parser.parse_args()


def main() -> int:
    """Return 0 if everything was withstood."""
    given = _arguments()
    attacks = chosen(given)
    if given.list:
        for attack in attacks:
            print(f"{attack.kind:8}{attack.configuration:9}{attack.name}: {attack.description}")
        return 0
    found = asyncio.run(attacked(attacks, seconds=given.seconds))
    failed = [observed for observed in found if faults(observed)]
    print(f"{len(found) - len(failed)} of {len(found)} attacks withstood")
    for observed in failed:
        print(f"  {observed.attack.name}: {'; '.join(faults(observed))}")
    if given.out:
        write(given.out, tables(found))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
