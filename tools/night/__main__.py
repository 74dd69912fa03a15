"""The night in small: many samples through three servers, of which one after the other fails.

    python -m tools.night [--samples 12000] [--in-flight 512] [--keep FOLDER]

The stock client, with three retries, sends chats, streams and transcriptions to a server that
passes them on to three others. One of these is killed and started again five times, one hangs for
half a minute, one is redeployed. Prints a table; exits with 1 if a sample is missing or wrong, or
was computed again although nothing of it was lost.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from .count import Counts, Logged, counts, logged
from .night import Fault, Outcome, Plan, night, processes
from .servers import Behind

DOWN_SECONDS = 3.0
"""Seconds until a killed server is started again."""

HANG_SECONDS = 30.0


async def kill(behind: list[Behind]) -> None:
    """Kill the first server, and start it again a few seconds later."""
    await behind[0].kill()
    await asyncio.sleep(DOWN_SECONDS)
    await behind[0].live()


async def hang(behind: list[Behind]) -> None:
    """Let the second server hang for a time."""
    behind[1].hang()
    await asyncio.sleep(HANG_SECONDS)
    behind[1].resume()


async def redeploy(behind: list[Behind]) -> None:
    """End the third server as an operator does, and start it again."""
    if code := await behind[2].redeploy():
        raise RuntimeError(f"{behind[2].name} ended with {code}")


FAULTS: tuple[tuple[float, Fault], ...] = (
    (0.05, kill),
    (0.15, kill),
    (0.25, kill),
    (0.35, kill),
    (0.45, kill),
    (0.55, hang),
    (0.85, redeploy),
)


def _table(outcome: Outcome, found: Counts, log: Logged) -> str:
    rows = [
        ("seconds", round(outcome.seconds)),
        ("samples", found.samples),
        ("answered right", found.right),
        ("answered wrong", found.wrong),
        ("failed", found.failed),
        ("requests at the front", log.requests),
        ("requests that joined an earlier attempt", log.joined),
        ("requests sent to the servers behind", log.attempts),
        ("computations begun", found.begun),
        ("computations ended", found.ended),
        ("lost: begun on a server that was killed or hung", found.lost),
        ("lost: ended there, the answer did not arrive", found.late),
        ("given up on a server without a fault", found.left),
        ("samples computed more than once without a loss", found.uncalled),
        *((f"status {status}", count) for status, count in log.statuses.items()),
        *((f"answered by {url}", count) for url, count in log.by_upstream.items()),
    ]
    lines = [f"| {name} | {value:,} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---:|", *lines])


async def _run(plan: Plan, folder: Path) -> bool:
    outcome = await night(plan, folder, processes)
    found, log = counts(outcome), logged(outcome.front)
    print(*log.events, sep="\n")
    print(_table(outcome, found, log))
    for result in outcome.results:
        if not result.right:
            print(result)
    return found.is_whole(plan.samples)


def main() -> None:
    """Run a night."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--samples", type=int, default=12_000)
    arguments.add_argument("--in-flight", type=int, default=512)
    arguments.add_argument("--seconds-per-item", type=float, default=0.5)
    arguments.add_argument("--keep", type=Path, help="A folder for the logs.")
    given = arguments.parse_args()
    plan = Plan(
        given.samples,
        given.in_flight,
        given.seconds_per_item,
        FAULTS,
        # The stock client does not retry a stream that breaks off.
        options={"whole_streams": "true"},
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sys.exit(not asyncio.run(_run(plan, folder)))


if __name__ == "__main__":
    main()
