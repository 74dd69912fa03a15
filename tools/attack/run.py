"""Runs attacks against servers, one after the other; a server that has ended is started again."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import groupby

from tools.attack.attack import Attack, Seen
from tools.attack.attacker import Attacker
from tools.attack.bystander import QUESTIONS
from tools.attack.judge import Observed
from tools.attack.memory import forget_peaks, megabytes
from tools.attack.target import Target, serving
from tools.attack.watchers import Watchers, watching

MOST_SECONDS = 120
"""Of one attack, in all."""


async def run(attacks: Sequence[Attack], *, seconds: float) -> AsyncIterator[Observed]:
    """Yield what was observed of each of *attacks*; those of one configuration share a server."""
    in_order = sorted(attacks, key=lambda attack: attack.configuration)
    for _, group in groupby(in_order, key=lambda attack: attack.configuration):
        left = list(group)
        right: dict[str, str] = {}
        while left:
            async for observed in _until_it_ends(left, right, seconds=seconds):
                yield observed


async def _until_it_ends(
    left: list[Attack], right: dict[str, str], *, seconds: float
) -> AsyncIterator[Observed]:
    """Take attacks from *left* as long as the server lives."""
    async with AsyncExitStack() as stack:
        configuration = left[0].configuration
        target = await stack.enter_async_context(serving(configuration))
        watchers = await stack.enter_async_context(watching(target.port, configuration))
        first = await watchers.every_question(QUESTIONS.get(configuration, 2))
        right.update(first | right)
        while left and target.alive():
            yield await _one(left.pop(0), target, watchers, right, seconds=seconds)


async def _one(
    attack: Attack, target: Target, watchers: Watchers, right: dict[str, str], *, seconds: float
) -> Observed:
    forget_peaks(target.pid)
    written = target.log_bytes()
    observed = Observed(attack, Seen(), right=right)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            await attack.run(Attacker(target.port, observed.seen, seconds=seconds))
    except TimeoutError:
        observed.seen.fault(f"not over after {MOST_SECONDS} s")
    end = time.monotonic()
    began = observed.seen.began or end
    observed.recovered = await watchers.until_answered(end)
    observed.peak = megabytes(target.pid, "VmHWM")
    observed.health = watchers.health(began, end)
    observed.answers = watchers.answers(began, end)
    observed.exit_status = target.process.poll()
    observed.log = target.log(written)
    return observed
