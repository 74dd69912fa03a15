"""What clients see of a server that is told to end, in every state, by one signal or by two.

    python -m tools.attack.sigterm            all states but loading vLLM
    python -m tools.attack.sigterm --vllm     that one too: SIGTERM while vLLM is imported

Exit status 1 if a client saw, or the server did, what `expected` does not allow.
"""

import argparse
import asyncio
import os
import re
import signal
import sys
import time
from dataclasses import dataclass, field

from tools.attack.states import CONFIG, GRACE, STATES, Clients, ask, asked
from tools.attack.target import ROOT, Target, started

_DELAYS = (0.3, 0.8, 1.3)
"""Seconds after the start at which the built-in models are being opened, on some machine."""
_BETWEEN = 0.15
"""Seconds from the first signal to the late client, and from there to the second signal."""


_VLLM = f'[[models]]\nid = "engine"\nbackend = "vllm"\nsource = "{ROOT / "tests/models/chat-hf"}"\n'


@dataclass
class Cell:
    """What was seen in one state."""

    state: str
    signals: int
    clients: dict[str, str] = field(default_factory=dict)
    """What each client saw; `late` is one that came after the first signal."""
    status: int = 0
    seconds: float = 0.0
    """From the first signal to the end of the process."""
    log: str = ""
    orphans: bool = False
    """Whether a process that the server had started outlived it by more than two seconds."""


async def run(state: str, signals: int) -> Cell:
    """Bring a server into *state*, send it *signals*, return what was seen."""
    cell = Cell(state, signals)
    with started(CONFIG) as target:
        await target.listen(30)
        clients = await STATES[state](target.port)
        await _end(cell, target, late=clients)
        cell.clients = {name: await task for name, task in clients.items()}
        cell.log = target.log()
    return cell


async def loading(signals: int, *, config: str, sign: str = "", delay: float = 0) -> Cell:
    """Send *signals* to a server that starts, *delay* seconds after its log has *sign*."""
    cell = Cell(sign or f"{delay:g} s after the start", signals)
    with started(config, limit=None) as target:
        end = time.monotonic() + 60
        while sign not in target.log() and time.monotonic() < end:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.02)
        await asyncio.sleep(delay)
        await _end(cell, target)
        cell.log = target.log()
    return cell


async def _end(cell: Cell, target: Target, late: Clients | None = None) -> None:
    """Send the signals; note the exit status and the seconds. Add a late client to *late*."""
    began = time.monotonic()
    target.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(_BETWEEN)
    if late is not None:
        late["late"] = asked(target.port, ask(1))
        await asyncio.sleep(_BETWEEN)
    if cell.signals == 2:
        target.process.send_signal(signal.SIGTERM)
    ended = asyncio.create_task(asyncio.to_thread(target.process.wait, 60))
    cell.status = await ended
    cell.seconds = time.monotonic() - began
    cell.orphans = await outlived(target.pid)


async def outlived(group: int) -> bool:
    """Return whether a process of the group is left two seconds after its leader's end."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        await asyncio.sleep(0.05)
    return True


_REFUSED = re.compile(r"503, Retry-After \d+")
_EXPECTED = {
    "kept": re.compile("closed"),
    "half": re.compile(r"closed|(503|408), Retry-After \d+|408"),
    "late": re.compile(rf"refused|{_REFUSED.pattern}"),
    "waits": re.compile(rf"200|{_REFUSED.pattern}"),
    "waits, streamed": re.compile(rf"stream, \[DONE\]|{_REFUSED.pattern}"),
    "runs": re.compile("200"),
    "whole": re.compile("200"),
    "whole too long": _REFUSED,
    "stream": re.compile(r"stream, \[DONE\]"),
    "stream too long": re.compile(r"stream, error event, \[DONE\]"),
}
_SECONDS = {"waiting": GRACE + 1, "whole": GRACE + 1, "stream": GRACE + 1}
_SECONDS |= {"whole too long": GRACE + 3, "stream too long": GRACE + 3}
_AT_ONCE = 2.0
_FORCED = (-signal.SIGTERM, 128 + signal.SIGTERM, 1)


def faults(cell: Cell) -> list[str]:
    """Return what in *cell* is not right.

    After a second signal the clients see whatever the end of a process looks like; after one, what
    `_EXPECTED` says. A server that has nothing to do may have ended before the second. A start that
    is broken off may end by the signal.
    """
    found = []
    forced = cell.signals == 2 or not cell.clients
    if cell.status != 0 and not (forced and cell.status in _FORCED):
        found.append(f"exit status {cell.status}")
    most = _AT_ONCE if cell.signals == 2 else _SECONDS.get(cell.state, _AT_ONCE)
    if cell.seconds > most:
        found.append(f"{cell.seconds:.1f} s, not {most:g}")
    if cell.orphans:
        found.append("a process that it started is left")
    if "Traceback" in cell.log:
        found.append(f"a traceback: {cell.log.splitlines()[-1]:.80}")
    if cell.signals == 1:
        for name, what in cell.clients.items():
            expected = _EXPECTED.get(cell.state if name == "client" else name)
            if expected is None or not expected.fullmatch(what):
                found.append(f"{name} saw {what}")
    return found


async def matrix(*, vllm: bool) -> list[Cell]:
    """Return all cells; print each as it is known."""
    cells = []
    for signals in (1, 2):
        states = [run(state, signals) for state in STATES]
        states += [loading(signals, config="", delay=delay) for delay in _DELAYS]
        if vllm:
            signs = ("importing vLLM", "starting the engine", "loading weights")
            states += [loading(signals, config=_VLLM, sign=sign, delay=1) for sign in signs]
        for state in states:
            cells.append(await state)
            print(row(cells[-1]), flush=True)
    return cells


def row(cell: Cell) -> str:
    """Return a line of a Markdown table."""
    clients = "; ".join(f"{name}: {what}" for name, what in cell.clients.items())
    verdict = "; ".join(faults(cell)) or "right"
    return (
        f"| {cell.state} | {cell.signals} | {clients} | {cell.status} | {cell.seconds:.1f} | "
        f"{verdict} |"
    )


def main() -> int:
    """Return 0 if every cell is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vllm", action="store_true")
    cells = asyncio.run(matrix(vllm=parser.parse_args().vllm))
    return 1 if any(map(faults, cells)) else 0


if __name__ == "__main__":
    sys.exit(main())
