"""Writes what was measured of transcription as tables in Markdown."""

import statistics
from collections.abc import Callable, Sequence

from tools.bench import tables
from tools.bench.match import LOADS, LOOP, PIPELINE, SHIM, TUNED, VLLM, WHISPER_CPP
from tools.bench.rounds import MANY, Entry, Measured, Result

RIVALS = {
    LOOP: "faster-whisper's",
    TUNED: "tuned",
    PIPELINE: "the pipeline's",
    WHISPER_CPP: "whisper.cpp's",
    VLLM: "vLLM's",
}


def table(result: Result) -> str:
    """Return the section of one scenario."""
    names = {entry.name for entry in result.best}
    rivals = [name for name in RIVALS if name in names]
    knows_words = all(m.score is not None for m in result.rounds[0].values())
    rows = [
        _row(result, entry, rivals, knows_words=knows_words)
        for entry in sorted(result.best, key=_place)
    ]
    return (
        f"### {result.title}\n\n{tables.table(_columns(rivals, knows_words=knows_words), rows)}\n"
        f"{trials(result)}\n"
    )


def trials(result: Result) -> str:
    """Return a sentence with the settings of a result that were tried."""
    tried = [
        f"{entry.name} {entry.in_flight}: "
        + ", ".join(f"{setting} {rate:.2f}" for setting, rate in rates.items())
        for entry, rates in result.trials.items()
        if len(rates) > 1
    ]
    head = "Settings tried (contestant, in flight: workers x threads, requests/s)"
    return f"{head}: {'; '.join(tried)}."


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
    bare, tuned = (ratio(result, entry, rival, _rate) for rival in rivals)
    model = result.title.partition(",")[0]
    return (
        f"- Transcription ({model}), {entry.in_flight} in flight: **{bare} times** the requests/s "
        f"of faster-whisper, {tuned} times those of the tuned one.\n"
    )


def ratio(result: Result, entry: Entry, other: Entry, number: Callable[[Measured], float]) -> str:
    """Return the ratio of a *number* of two entries; "" where the other one did not take part."""
    if other not in result.best:
        return ""
    pairs = [(each[entry], each[other]) for each in result.rounds]
    numbers = [(number(mine), number(theirs)) for mine, theirs in pairs]
    return tables.ratio(numbers, [max(m.others for m in pair) for pair in pairs])


def _rate(measured: Measured) -> float:
    return measured.run.rate


def _place(entry: Entry) -> tuple[bool, int, int]:
    """Return a key that sorts bare before Shim, and the loads from one in flight upwards."""
    return entry.in_flight > 1, list(LOADS).index(entry.name), entry.in_flight


def _columns(rivals: Sequence[str], *, knows_words: bool) -> list[str]:
    first, *others = (f"÷ {RIVALS[name]}" for name in rivals)
    return [
        *("", "requests in flight", "workers x threads", "requests/s"),
        *(f"requests/s {first}", *others),
        *("latency p50, s", "latency p95, s", "CPU, s/request"),
        *(["word errors"] if knows_words else []),
        *(tables.OTHERS, tables.SAME),
    ]


def _row(result: Result, entry: Entry, rivals: Sequence[str], *, knows_words: bool) -> str:
    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(number(each[entry]) for each in result.rounds)

    alone = entry.in_flight == 1
    load = 1 if alone else MANY
    bare = entry.name not in (SHIM, VLLM)
    cells = [
        entry.name,
        "all" if bare and not alone else str(entry.in_flight),
        "" if entry.name == VLLM else str(result.best[entry]),
        f"{median(_rate):.2f}",
        *(ratio(result, entry, Entry(name, load), _rate) for name in rivals),
        f"{median(lambda m: tables.quantile(m.run.latencies, 0.5)):.3f}",
        f"{median(lambda m: tables.quantile(m.run.latencies, 0.95)):.3f}",
        f"{median(lambda m: m.cpu):.3f}",
        *(["" if alone else f"{median(lambda m: m.score or 0.0):.1%}"] if knows_words else []),
        f"{median(lambda m: m.others):.0%}",
        f"{min(each[entry].equal for each in result.rounds):.0%}",
    ]
    return f"| {' | '.join(cells)} |"
