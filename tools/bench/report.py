"""What was measured, as tables in Markdown."""

import statistics
from collections.abc import Callable

from tools.bench import tables
from tools.bench.match import LOOP, MANY, PIPELINE, SHIM, TUNED, Entry, Measured, Result

COLUMNS = (
    *("", "in flight", "workers x threads", "requests/s"),
    *("of faster-whisper", "of tuned", "of the pipeline"),
    *("p50 s", "p95 s", "CPU s each", "others", "same text"),
)


def table(result: Result) -> str:
    """Return the section of one scenario."""
    rows = [_row(result, entry) for entry in sorted(result.best, key=_place)]
    tried = [
        f"{entry.name} {entry.in_flight}: "
        + ", ".join(f"{setting} {rate:.2f}" for setting, rate in rates.items())
        for entry, rates in result.trials.items()
    ]
    return (
        f"### {result.scenario.title}\n\n{tables.table(COLUMNS, rows)}\n"
        "Settings tried (contestant, in flight: workers x threads, requests/s): "
        + "; ".join(tried)
        + ".\n"
    )


def document(results: list[Result], command: str) -> str:
    """Return everything between the marks."""
    rounds = len(results[0].rounds)
    versions = tables.machine("faster-whisper", "ctranslate2")
    return f"\n    {command}\n\n{versions} Medians of {rounds} rounds.\n\n" + "\n".join(
        map(table, results)
    )


def _place(entry: Entry) -> tuple[bool, int, int]:
    """Bare before Shim, the load rising: with one in flight first, then all the others."""
    return entry.in_flight > 1, (LOOP, TUNED, PIPELINE, SHIM).index(entry.name), entry.in_flight


def _row(result: Result, entry: Entry) -> str:
    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(number(each[entry]) for each in result.rounds)

    def ratio(other: Entry) -> str:
        pairs = [(each[entry], each[other]) for each in result.rounds]
        rates = [(mine.run.rate, theirs.run.rate) for mine, theirs in pairs]
        return tables.ratio(rates, [max(m.others for m in pair) for pair in pairs])

    alone = entry.in_flight == 1
    cells = [
        entry.name,
        str(entry.in_flight) if alone or entry.name == SHIM else "all",
        str(result.best[entry]),
        f"{median(lambda m: m.run.rate):.2f}",
        *(ratio(Entry(name, 1 if alone else MANY)) for name in (LOOP, TUNED)),
        "" if alone else ratio(Entry(PIPELINE, MANY)),
        f"{median(lambda m: tables.quantile(m.run.latencies, 0.5)):.3f}",
        f"{median(lambda m: tables.quantile(m.run.latencies, 0.95)):.3f}",
        f"{median(lambda m: m.cpu):.3f}",
        f"{median(lambda m: m.others):.0%}",
        f"{min(each[entry].equal for each in result.rounds):.0%}",
    ]
    return f"| {' | '.join(cells)} |"
