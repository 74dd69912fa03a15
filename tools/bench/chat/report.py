"""What was measured of chat, as tables in Markdown."""

import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import packages_distributions
from typing import Any

from tools.bench import tables
from tools.bench.chat.match import (
    BARE,
    KINDS,
    PEERS,
    SCORED,
    SCORED_TOKENS,
    SHIM,
    STOCK,
    STREAMED,
    VLLM,
    WHOLE,
    Load,
    Measured,
    Round,
)

NAMES = {
    BARE: "AsyncLLM",
    VLLM: "vLLM's server",
    STOCK: "vLLM's server, as it comes",
    SHIM: "Shim",
}
COLUMNS = (
    *("in flight", "", "tokens/s", "of vLLM's server", "of AsyncLLM"),
    *("CPU µs a token", "of vLLM's server", "of AsyncLLM"),
    *("p50 ms", "p99 ms", "client", "others", "same text"),
)


TITLES = {
    STREAMED: "Streamed; p50 and p99 are of the time to the first token",
    WHOLE: "Whole answers; p50 and p99 are of the time to the answer",
    SCORED: f"Prompts of {SCORED_TOKENS} tokens, each scored; p50 and p99 are of the time to the "
    "scores",
}


def table(rounds: Sequence[Round], kind: str) -> str:
    """Return the rows of all loads of one *kind*."""
    entries = sorted((entry for entry in rounds[0] if entry[0].kind == kind), key=_place)
    rows = [_row(rounds, load, peer) for load, peer in entries]
    return f"{TITLES[kind]}:\n\n{tables.table(COLUMNS, rows)}" if rows else ""


def document(
    rounds: Sequence[Round], engine: dict[str, Any], *, tokens: int, starts: int, command: str
) -> str:
    """Return everything between the marks."""
    (package,) = set(packages_distributions()["vllm"])
    settings = ", ".join(f"{name}={value}" for name, value in engine.items())
    return (
        f"\n    {command}\n\n"
        f"{tables.machine(package, 'litestar', 'uvicorn')} Medians of {len(rounds)} rounds, "
        f"all processes started {starts} times; chats' answers have {tokens} tokens. "
        f"The engine of all: {settings}.\n\n"
        + "\n".join(filter(None, (table(rounds, kind) for kind in KINDS)))
    )


def _place(entry: tuple[Load, str]) -> tuple[Load, int]:
    load, peer = entry
    return load, PEERS.index(peer)


def _row(rounds: Sequence[Round], load: Load, peer: str) -> str:
    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(number(each[load, peer]) for each in rounds)

    def ratio(other: str, number: Callable[[Measured], float]) -> str:
        if (load, other) not in rounds[0]:
            return ""
        pairs = [(each[load, peer], each[load, other]) for each in rounds]
        numbers = [(number(mine), number(theirs)) for mine, theirs in pairs]
        return tables.ratio(numbers, [max(m.others for m in pair) for pair in pairs])

    def milliseconds(share: float) -> str:
        return f"{median(lambda m: tables.quantile(m.waits, share)) * 1e3:.0f}"

    cells = [
        str(load.in_flight),
        NAMES[peer],
        f"{median(lambda m: m.rate):.0f}",
        *(ratio(other, lambda m: m.rate) for other in (VLLM, BARE)),
        f"{median(lambda m: m.cpu) * 1e6:.1f}",
        *(ratio(other, lambda m: m.cpu) for other in (VLLM, BARE)),
        *(milliseconds(share) for share in (0.5, 0.99)),
        "" if peer == BARE else f"{median(lambda m: m.client):.0%}",
        f"{median(lambda m: m.others):.0%}",
        f"{min(_equal(each, load, peer) for each in rounds):.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _equal(each: Round, load: Load, peer: str) -> float:
    """Return the share of a peer's texts that are those of the first one in the round."""
    first = next(other for other in PEERS if (load, other) in each)
    pairs = list(zip(each[load, peer].run.texts, each[load, first].run.texts, strict=True))
    return sum(mine == theirs for mine, theirs in pairs) / len(pairs)
