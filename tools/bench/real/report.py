"""Writes what was measured on real weights as tables in Markdown."""

import statistics
import subprocess
from collections.abc import Callable

from tools.bench import report, tables
from tools.bench.child import PEERS_PYTHON
from tools.bench.match import PIPELINE, SHIM, TUNED, VLLM, WHISPER_CPP
from tools.bench.real import chat
from tools.bench.rounds import MANY, Entry, Measured, Result

PEERS = ("pywhispercpp", "xllamacpp")
COLUMNS = (
    *("requests in flight", "", "workers x threads", "tokens/s"),
    *("tokens/s ÷ CTranslate2's", "÷ llama.cpp's", "first token p50, ms", "CPU, ms/token"),
    *("right answers", tables.OTHERS, tables.SAME),
)


def document(speech: list[Result], chats: Result, command: str) -> str:
    """Return everything between the marks."""
    rounds = len(chats.rounds)
    head = (
        f"{tables.machine('faster-whisper', 'ctranslate2')} {_peers()} Medians of {rounds} rounds."
    )
    parts = [*map(report.table, speech), _chat(chats)]
    return f"\n    {command}\n\n{head}\n\n" + "\n".join(parts)


def _peers() -> str:
    """Return a sentence with the versions in the peers' environment."""
    code = (
        "import sys; from importlib.metadata import version; "
        "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    )
    done = subprocess.run(  # noqa: S603  our own
        [PEERS_PYTHON, "-c", code, *PEERS], check=True, capture_output=True, text=True
    )
    return f"{done.stdout.strip()}."


def results(speech: list[Result], chats: Result) -> str:
    """Return a line for each model that was measured."""
    return "".join(map(_speech_line, speech)) + "".join(map(_chat_line, chat.TYPES, [chats] * 2))


def _speech_line(result: Result) -> str:
    entry = max(each for each in result.best if each.name == SHIM)
    said = {
        TUNED: "faster-whisper's at its best",
        PIPELINE: "its batched pipeline's",
        WHISPER_CPP: "whisper.cpp's",
        VLLM: "vLLM's server's",
    }
    ratios = {
        whose: report.ratio(result, entry, Entry(name, MANY), lambda m: m.run.rate)
        for name, whose in said.items()
    }
    listed = ", ".join(f"{ratio} times {whose}" for whose, ratio in ratios.items() if ratio)
    return f"- Real speech ({result.title}), {entry.in_flight} in flight: requests/s {listed}.\n"


def _chat_line(weights: str, result: Result) -> str:
    mine = Entry(str(chat.Name(chat.SHIM, weights)), MANY)
    bare, llama = (
        report.ratio(result, mine, Entry(str(name), MANY), _speed)
        for name in (chat.Name(chat.CT2, weights), chat.NAMES[-1])
    )
    return (
        f"- Real chat ({weights}), {MANY} in flight: tokens/s {bare} times CTranslate2's in "
        f"process, {llama} times llama.cpp's server's.\n"
    )


def _speed(measured: Measured) -> float:
    return sum(measured.run.tokens) / measured.run.seconds


def _chat(result: Result) -> str:
    rows = [_row(result, name, n) for n in chat.COUNTS for name in chat.NAMES]
    return f"### {result.title}\n\n{tables.table(COLUMNS, rows)}\n{report.trials(result)}\n"


def _row(result: Result, name: chat.Name, in_flight: int) -> str:
    entry = Entry(str(name), in_flight)
    bare = chat.Name(chat.CT2, name.weights)

    def median(number: Callable[[Measured], float]) -> float:
        return statistics.median(number(each[entry]) for each in result.rounds)

    cells = [
        str(in_flight),
        entry.name,
        str(result.best[entry]),
        f"{median(_speed):.0f}",
        *(
            report.ratio(result, entry, Entry(str(other), in_flight), _speed)
            for other in (bare, chat.NAMES[-1])
        ),
        f"{median(lambda m: statistics.median(m.run.firsts)) * 1e3:.0f}",
        f"{median(lambda m: m.cpu) * 1e3:.1f}",
        f"{median(lambda m: m.score or 0.0):.0%}",
        f"{median(lambda m: m.others):.0%}",
        f"{min(each[entry].equal for each in result.rounds):.0%}",
    ]
    return f"| {' | '.join(cells)} |"
