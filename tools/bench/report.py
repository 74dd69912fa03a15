"""Writes what was measured of transcription as tables in Markdown."""

import statistics
from collections.abc import Callable

from tools.bench import tables
from tools.bench.match import LOOP, MANY, PIPELINE, SHIM, TUNED, Entry, Measured, Result

COLUMNS = (
    *("", "requests in flight", "workers x threads", "requests/s"),
    *("requests/s ÷ faster-whisper's", "÷ tuned", "÷ the pipeline's"),
    *("latency p50, s", "latency p95, s", "CPU, s/request", tables.OTHERS, tables.SAME),
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


def results(measured: list[Result]) -> str:
    """Return two lines: Shim's first scenario with one request in flight, and with the most."""
    first = measured[0]
    loads = sorted(entry.in_flight for entry in first.best if entry.name == SHIM)
    return "".join(_result(first, Entry(SHIM, load)) for load in (loads[0], loads[-1]))


def _result(result: Result, entry: Entry) -> str:
    rivals = [Entry(name, min(entry.in_flight, MANY)) for name in (LOOP, TUNED)]
    bare, tuned = (_ratio(result, entry, rival) for rival in rivals)
    model = result.scenario.title.partition(",")[0]
    return (
        f"- Transcription ({model}), {entry.in_flight} in flight: **{bare} times** the requests/s "
        f"of faster-whisper, {tuned} times those of the tuned one.\n"
    )


def _ratio(result: Result, entry: Entry, other: Entry) -> str:
    pairs = [(each[entry], each[other]) for each in result.rounds]
    rates = [(mine.run.rate, theirs.run.rate) for mine, theirs in pairs]
    return tables.ratio(rates, [max(m.others for m in pair) for pair in pairs])


def _place(entry: Entry) -> tuple[bool, int, int]:
    """Return a key that sorts bare before Shim, and the loads from one in flight upwards."""
    return entry.in_flight > 1, (LOOP, TUNED, PIPELINE, SHIM).index(entry.name), entry.in_flight


def _row(result: Result, entry: Entry) -> str:
    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(number(each[entry]) for each in result.rounds)

    alone = entry.in_flight == 1
    cells = [
        entry.name,
        str(entry.in_flight) if alone or entry.name == SHIM else "all",
        str(result.best[entry]),
        f"{median(lambda m: m.run.rate):.2f}",
        *(_ratio(result, entry, Entry(name, 1 if alone else MANY)) for name in (LOOP, TUNED)),
        "" if alone else _ratio(result, entry, Entry(PIPELINE, MANY)),
        f"{median(lambda m: tables.quantile(m.run.latencies, 0.5)):.3f}",
        f"{median(lambda m: tables.quantile(m.run.latencies, 0.95)):.3f}",
        f"{median(lambda m: m.cpu):.3f}",
        f"{median(lambda m: m.others):.0%}",
        f"{min(each[entry].equal for each in result.rounds):.0%}",
    ]
    return f"| {' | '.join(cells)} |"
