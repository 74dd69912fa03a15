"""Writes what was measured of chat as tables in Markdown."""

import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import packages_distributions
from typing import Any

from tools.bench import tables
from tools.bench.chat import rust
from tools.bench.chat.match import (
    BARE,
    KINDS,
    PEERS,
    RUST,
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
    RUST: "vLLM's Rust front end",
    SHIM: "Shim",
}
OTHERS = {VLLM: "vLLM's server's", RUST: "the Rust front end's", BARE: "AsyncLLM's"}
"""Contestants with which the others are compared, as they are called in the columns."""
COLUMNS = (
    *("requests in flight", "", "tokens/s", *(f"tokens/s ÷ {name}" for name in OTHERS.values())),
    *("CPU, µs/token", *(f"CPU ÷ {name}" for name in OTHERS.values()), "p50, ms", "p99, ms"),
    *("client, % of a core", tables.OTHERS, tables.SAME),
)

RESULT_LOAD = 64
"""Requests in flight of the lines at the top of the page."""

SUBJECTS = {
    STREAMED: "Chats, streamed",
    WHOLE: "Chats, whole",
    SCORED: "Loglikelihood",
}

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
    has_rust = any(peer == RUST for _, peer in rounds[0])
    return (
        f"\n    {command}\n\n"
        f"{tables.machine(package, 'litestar', 'uvicorn')} Medians of {len(rounds)} rounds, "
        f"all processes started {starts} times; chats' answers have {tokens} tokens. "
        f"The engine of all: {settings}.\n\n"
        + ("" if has_rust else f"{NAMES[RUST]} was not measured; `{rust.COMMAND}` fetches it.\n\n")
        + "\n".join(filter(None, (table(rounds, kind) for kind in KINDS)))
    )


def results(rounds: Sequence[Round]) -> str:
    """Return a line for each kind that was measured: Shim at 64 requests in flight."""
    loads = [Load(RESULT_LOAD, kind) for kind in KINDS]
    return "".join(_result(rounds, load) for load in loads if (load, SHIM) in rounds[0])


def _result(rounds: Sequence[Round], load: Load) -> str:
    rate = _ratio(rounds, (load, SHIM), (load, VLLM), lambda m: m.rate)
    cpu = _ratio(rounds, (load, SHIM), (load, VLLM), lambda m: m.cpu)
    bare = _ratio(rounds, (load, SHIM), (load, BARE), lambda m: m.rate)
    return (
        f"- {SUBJECTS[load.kind]}, {load.in_flight} in flight: **{rate} times** the tokens/s of "
        f"vLLM's server, {cpu} times its CPU a token; {bare} times the tokens/s of the bare "
        "engine.\n"
    )


def _ratio(
    rounds: Sequence[Round],
    mine: tuple[Load, str],
    theirs: tuple[Load, str],
    number: Callable[[Measured], float],
) -> str:
    pairs = [(each[mine], each[theirs]) for each in rounds]
    numbers = [(number(one), number(other)) for one, other in pairs]
    return tables.ratio(numbers, [max(m.others for m in pair) for pair in pairs])


def _place(entry: tuple[Load, str]) -> tuple[Load, int]:
    load, peer = entry
    return load, PEERS.index(peer)


def _row(rounds: Sequence[Round], load: Load, peer: str) -> str:
    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(number(each[load, peer]) for each in rounds)

    def ratio(other: str, number: Callable[[Measured], float]) -> str:
        if (load, other) not in rounds[0]:
            return ""
        return _ratio(rounds, (load, peer), (load, other), number)

    def milliseconds(share: float) -> str:
        return f"{median(lambda m: tables.quantile(m.waits, share)) * 1e3:.0f}"

    cells = [
        str(load.in_flight),
        NAMES[peer],
        f"{median(lambda m: m.rate):.0f}",
        *(ratio(other, lambda m: m.rate) for other in OTHERS),
        f"{median(lambda m: m.cpu) * 1e6:.1f}",
        *(ratio(other, lambda m: m.cpu) for other in OTHERS),
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
