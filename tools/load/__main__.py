"""Many connections for minutes, and the end of a server under load.

    python -m tools.load hold                  10 minutes of 1,000 connections to each server
    python -m tools.load hold --only fake --minutes 0.5 --connections 100       a trial
    python -m tools.load stops                 SIGTERM and SIGKILL under load

`hold` writes docs/load.md only with --plot: the Python of an environment that has matplotlib.
Exit status 1 if something was wrong, which is printed.
"""

import argparse
import sys
from pathlib import Path

import uvloop

from tools.load.hold import hold
from tools.load.page import tables, write
from tools.load.stops import kill, terminate
from tools.load.targets import TARGETS


def _hold(given: argparse.Namespace) -> int:
    loads = []
    for name in given.only or TARGETS:
        load = hold(TARGETS[name], connections=given.connections, minutes=given.minutes)
        loads.append(uvloop.run(load))
        print(tables(loads[-1:]), flush=True)
    if given.plot is not None:
        write(loads, python=given.plot)
    return int(any(load.found for load in loads))


def _stop(given: argparse.Namespace) -> int:
    found = {
        "SIGTERM": uvloop.run(terminate(clients=given.clients, questions=given.questions)),
        "SIGKILL": uvloop.run(kill()),
    }
    for name, wrong in found.items():
        print(f"{name}: {'; '.join(wrong[:10]) or 'right'}")
    return int(any(found.values()))


def main() -> int:
    """Return 0 if all has held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = parser.add_subparsers(required=True)
    held = words.add_parser("hold")
    held.add_argument("--minutes", type=float, default=10.0)
    held.add_argument("--connections", type=int, default=1000)
    held.add_argument("--only", choices=[*TARGETS], action="append", help="One of the servers.")
    held.add_argument("--plot", type=Path, metavar="PYTHON", help="Write the page and its plot.")
    held.set_defaults(run=_hold)
    stopped = words.add_parser("stops")
    stopped.add_argument("--clients", type=int, default=200)
    stopped.add_argument("--questions", type=int, default=10, help="Of each client.")
    stopped.set_defaults(run=_stop)
    given = parser.parse_args()
    status: int = given.run(given)
    return status


if __name__ == "__main__":
    sys.exit(main())
