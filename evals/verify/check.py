"""One check: a function, what it needs of a model, and how its findings become a verdict."""

import time
from collections.abc import Awaitable, Callable
from inspect import getdoc

import msgspec

from evals.verify.target import Feature, Target
from evals.verify.verdict import (
    MOST_EVIDENCE,
    Breach,
    Findings,
    NotChecked,
    Section,
    Verdict,
)

Run = Callable[[Target, Findings], Awaitable[None]]
"""A check. Its first line says what it shows; it may raise NotChecked and Breach."""


class Check(msgspec.Struct, frozen=True):
    """A check of models that have one of the routes *needs*; of any model if that is empty."""

    section: Section
    needs: tuple[Feature, ...]
    run: Run

    def concerns(self, target: Target) -> bool:
        """Return whether *target* is checked."""
        return not self.needs or not all(target.lacks(route) for route in self.needs)

    @property
    def name(self) -> str:
        """The function's name, in words."""
        return self.run.__name__.replace("_", " ")

    @property
    def shows(self) -> str:
        """The sentence that a passed check proves."""
        return (getdoc(self.run) or "").partition("\n")[0]


async def judged(check: Check, target: Target) -> Verdict:
    """Run *check* on *target*, and return its verdict."""
    found, began, reason = Findings(), time.perf_counter(), ""
    try:
        await check.run(target, found)
    except NotChecked as why:
        reason = str(why)
    except Breach as breach:
        found.breaches.append(breach.evidence)
    if not found.compared and not found.breaches:
        reason = reason or "there was nothing to compare"
    verdict = "not checked" if reason and not found.breaches else found.verdict
    return Verdict(
        section=check.section,
        check=check.name,
        shows=check.shows,
        model=target.model,
        verdict=verdict,
        compared=found.compared,
        breaches=len(found.breaches),
        note="; ".join([*found.notes, *([reason] if reason else [])]),
        evidence=found.breaches[:MOST_EVIDENCE],
        seconds=time.perf_counter() - began,
    )
