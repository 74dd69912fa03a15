"""One attack: its name, what it sends, what a server may answer, and what the attacker saw."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tools.attack.attacker import Attacker

Kind = Literal["work", "items", "shared", "held"]

KINDS: dict[Kind, str] = {
    "work": "work in proportion to the input, before the check that makes it pointless",
    "items": "bounds in bytes where the cost is per item, and errors that repeat the input",
    "shared": "bounds per request where the machine has one memory, and no bound in time",
    "held": "faults of their own, and what has always held",
}

Configuration = Literal["builtin", "fakes", "keyless", "vllm"]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """An attack, made of an async function by `attack`."""

    name: str
    description: str
    kind: Kind
    configuration: Configuration
    allowed: frozenset[str]
    """Outcomes that are right: statuses, and the words of `wire.Answer.outcome`."""
    quick: bool
    """Part of the short run, which the tests make."""
    fills: bool
    """All connections are taken meanwhile, so that everybody may be refused, but not afterwards."""
    run: Callable[["Attacker"], Awaitable[None]]


@dataclass
class Seen:
    """What the attacker saw."""

    outcomes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    """The beginning of the first request with that outcome."""
    faults: list[str] = field(default_factory=list)
    """Beyond outcomes that are not allowed: an error of megabytes, one that is not JSON."""
    slowest: float = 0.0
    """Seconds to the longest answer."""
    began: float = 0.0
    """When the first byte was sent, by the monotonic clock; 0: nothing was sent."""

    def fault(self, text: str) -> None:
        """Note *text*, once."""
        if text not in self.faults:
            self.faults.append(text)


def attack(
    kind: Kind,
    configuration: Configuration,
    *allowed: str | int,
    quick: bool = False,
    fills: bool = False,
) -> Callable[[Callable[["Attacker"], Awaitable[None]]], Attack]:
    """Return a decorator that makes an attack: its name and description are the function's."""

    def decorate(run: Callable[["Attacker"], Awaitable[None]]) -> Attack:
        return Attack(
            name=run.__name__.replace("_", "-"),
            description=(run.__doc__ or "").strip().rstrip("."),
            kind=kind,
            configuration=configuration,
            allowed=frozenset(map(str, allowed)),
            quick=quick,
            fills=fills,
            run=run,
        )

    return decorate
