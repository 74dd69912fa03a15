"""What was measured of chat, as tables in Markdown."""

import statistics
from collections.abc import Callable, Sequence

from .match import BARE, PEERS, SHIM, STOCK, VLLM, Load, Measured

Round = dict[tuple[Load, str], Measured]

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


def table(rounds: Sequence[Round], *, streamed: bool) -> str:
    """Return the rows of all loads that are streamed, or of those that are not."""
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    entries = sorted((key for key in rounds[0] if key[0].streamed == streamed), key=_place)
    return head + "\n".join(_row(rounds, load, peer) for load, peer in entries) + "\n"


def _place(entry: tuple[Load, str]) -> tuple[Load, int]:
    load, peer = entry
    return load, PEERS.index(peer)


def _row(rounds: Sequence[Round], load: Load, peer: str) -> str:
    mine = [each[load, peer] for each in rounds]

    def ratio(other: str, number: Callable[[Measured], float]) -> str:
        if (load, other) not in rounds[0]:
            return ""
        found = [number(each[load, peer]) / number(each[load, other]) for each in rounds]
        return f"{statistics.median(found):.2f}"

    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(map(number, mine))

    times = sorted(
        taken
        for each in mine
        for taken in (each.run.firsts if load.streamed else each.run.latencies)
    )
    cells = [
        str(load.in_flight),
        NAMES[peer],
        f"{median(lambda m: m.rate):.0f}",
        *(ratio(other, lambda m: m.rate) for other in (VLLM, BARE)),
        f"{median(lambda m: m.cpu) * 1e6:.1f}",
        *(ratio(other, lambda m: m.cpu) for other in (VLLM, BARE)),
        *(
            f"{times[min(int(share * len(times)), len(times) - 1)] * 1e3:.0f}"
            for share in (0.5, 0.99)
        ),
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
